# bash completion of tributary. Written by scripts/man.py; do not edit.
_tributary() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} path='' i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$path ${COMP_WORDS[i]}" in
            ' run'|' check'|' status'|' list'|' replay'|' simulate'|' bench'|' store'|' store ls'|' store verify'|' store repair'|' store export'|' store backup'|' store ship'|' store wipe'|' profile'|' profile detect'|' profile show'|' profile apply'|' dead'|' dead ls'|' dead show'|' dead retry'|' dead purge'|' tail'|' wipe'|' version') path="$path ${COMP_WORDS[i]}" ;;
        esac
    done
    case "$path:$before" in
        ' run:-c'|' run:--config') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' run:--socket') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' check:-c'|' check:--config') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' status:-c'|' status:--config') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' status:--socket') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' replay:-c'|' replay:--config') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' replay:-o'|' replay:--output') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' replay:--scores') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' replay:--compare') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' replay:--from') return ;;
        ' replay:--to') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' replay:--log') COMPREPLY=($(compgen -W 'intake windows events late dead reduced context thinned gaps' -- "$word")); return ;;
        ' replay:--brokers') return ;;
        ' simulate:--url') return ;;
        ' simulate:--client-id') return ;;
        ' simulate:--user') return ;;
        ' simulate:--password-file') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' simulate:--ca') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' simulate:--mqtt-version') return ;;
        ' simulate:--in-flight') return ;;
        ' simulate:--prefix') return ;;
        ' simulate:--machines') return ;;
        ' simulate:--seed') return ;;
        ' simulate:--faults') return ;;
        ' simulate:--interval') return ;;
        ' simulate:--duration') return ;;
        ' simulate:--start') return ;;
        ' simulate:--csv') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' simulate:--truth') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' simulate:--speed') return ;;
        ' bench:--dir') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' bench:--seconds') return ;;
        ' store ls:-c'|' store ls:--config') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' store ls:--store') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' store verify:-c'|' store verify:--config') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' store verify:--store') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' store repair:-c'|' store repair:--config') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' store repair:--store') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' store repair:--to') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' store export:-c'|' store export:--config') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' store export:--store') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' store export:--log') COMPREPLY=($(compgen -W 'intake windows events late dead refused reduced context thinned gaps' -- "$word")); return ;;
        ' store export:--from') return ;;
        ' store export:--to') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' store export:--format') COMPREPLY=($(compgen -W 'jsonl csv' -- "$word")); return ;;
        ' store export:-o'|' store export:--output') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' store backup:-c'|' store backup:--config') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' store backup:--store') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' store ship:-c'|' store ship:--config') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' store ship:--brokers') return ;;
        ' store wipe:-c'|' store wipe:--config') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' store wipe:--store') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' profile detect:--boards') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' profile detect:--root') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' profile show:--boards') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' profile show:--root') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' profile apply:--boards') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' profile apply:--root') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' dead ls:-c'|' dead ls:--config') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' dead ls:--store') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' dead ls:--log') COMPREPLY=($(compgen -W 'dead refused' -- "$word")); return ;;
        ' dead ls:-n'|' dead ls:--limit') return ;;
        ' dead show:-c'|' dead show:--config') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' dead show:--store') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' dead show:--log') COMPREPLY=($(compgen -W 'dead refused' -- "$word")); return ;;
        ' dead retry:-c'|' dead retry:--config') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' dead retry:--store') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' dead retry:--log') COMPREPLY=($(compgen -W 'dead refused' -- "$word")); return ;;
        ' dead retry:--socket') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' dead retry:--brokers') return ;;
        ' dead purge:-c'|' dead purge:--config') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' dead purge:--store') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' dead purge:--log') COMPREPLY=($(compgen -W 'dead refused' -- "$word")); return ;;
        ' dead purge:--socket') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' tail:-c'|' tail:--config') COMPREPLY=($(compgen -f -- "$word")); return ;;
        ' tail:--brokers') return ;;
        ' tail:-k'|' tail:--key') return ;;
        ' tail:--gateway') return ;;
        ' tail:--since') return ;;
        ' tail:-n'|' tail:--last') return ;;
        ' tail:--count') return ;;
        ' wipe:-c'|' wipe:--config') COMPREPLY=($(compgen -f -- "$word")); return ;;
    esac
    case "$path" in
        '') COMPREPLY=($(compgen -W 'run check status list replay simulate bench store profile dead tail wipe version' -- "$word")) ;;
        ' run') COMPREPLY=($(compgen -W '--config --socket' -- "$word")) ;;
        ' check') COMPREPLY=($(compgen -W '--config --online --json' -- "$word")) ;;
        ' status') COMPREPLY=($(compgen -W '--config --socket --json --ledger --metrics' -- "$word")) ;;
        ' list') COMPREPLY=($(compgen -W '--json --markdown detectors downsamplers formats windows options commands' -- "$word")) ;;
        ' replay') COMPREPLY=($(compgen -f -W '--config --output --scores --compare --json --no-flush --send --from --to --log --brokers --dry-run' -- "$word")) ;;
        ' simulate') COMPREPLY=($(compgen -W '--url --client-id --user --password-file --ca --mqtt-version --in-flight --prefix --machines --seed --faults --interval --duration --start --csv --truth --speed --print --json' -- "$word")) ;;
        ' bench') COMPREPLY=($(compgen -W '--dir --seconds --json' -- "$word")) ;;
        ' store') COMPREPLY=($(compgen -W 'ls verify repair export backup ship wipe' -- "$word")) ;;
        ' store ls') COMPREPLY=($(compgen -W '--config --store --json' -- "$word")) ;;
        ' store verify') COMPREPLY=($(compgen -W '--config --store --json' -- "$word")) ;;
        ' store repair') COMPREPLY=($(compgen -W '--config --store --json --to' -- "$word")) ;;
        ' store export') COMPREPLY=($(compgen -W '--config --store --log --from --to --format --output' -- "$word")) ;;
        ' store backup') COMPREPLY=($(compgen -f -W '--config --store --json' -- "$word")) ;;
        ' store ship') COMPREPLY=($(compgen -f -W '--config --brokers --final' -- "$word")) ;;
        ' store wipe') COMPREPLY=($(compgen -W '--config --store --json --yes --damaged' -- "$word")) ;;
        ' profile') COMPREPLY=($(compgen -W 'detect show apply' -- "$word")) ;;
        ' profile detect') COMPREPLY=($(compgen -W '--boards --root --json' -- "$word")) ;;
        ' profile show') COMPREPLY=($(compgen -W '--boards --root --json' -- "$word")) ;;
        ' profile apply') COMPREPLY=($(compgen -W '--boards --root --dry-run' -- "$word")) ;;
        ' dead') COMPREPLY=($(compgen -W 'ls show retry purge' -- "$word")) ;;
        ' dead ls') COMPREPLY=($(compgen -W '--config --store --log --json --limit' -- "$word")) ;;
        ' dead show') COMPREPLY=($(compgen -W '--config --store --log --json --hex' -- "$word")) ;;
        ' dead retry') COMPREPLY=($(compgen -W '--config --store --log --json --all --socket --brokers' -- "$word")) ;;
        ' dead purge') COMPREPLY=($(compgen -W '--config --store --log --json --all --socket' -- "$word")) ;;
        ' tail') COMPREPLY=($(compgen -W '--config --brokers --key --gateway --since --last --count --no-follow --json' -- "$word")) ;;
        ' wipe') COMPREPLY=($(compgen -W '--config --yes --json' -- "$word")) ;;
        ' version') COMPREPLY=($(compgen -W '--json' -- "$word")) ;;
    esac
}
complete -o filenames -F _tributary tributary
