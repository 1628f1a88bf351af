#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Man pages and completions out of what the program says about itself: man.py [PROGRAM] writes them below packaging/.

`tributary list commands` and `tributary list options --json` are the sources; a test fails when the files are not what this
script would write. What they cannot know (files, signals, exit codes) stands here.
"""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
HELP = {"-h,--help", "--help-all"}
FILES_AND_FOLDERS = {"--config", "--socket", "--output", "--to", "--dir", "--store", "--csv", "--truth", "--ca", "--boards", "--root",
                     "--scores", "--compare", "--password-file", "inputs", "file"}


def ask(program, *words):
    done = subprocess.run([str(program), "list", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def commands_of(program):
    out = []
    for command in ask(program, "commands"):
        options = [option for option in command["options"] if option["names"] not in HELP]
        for option in options:
            option["names"] = option["names"].split(",")
            option["positional"] = not option["names"][0].startswith("-")
            option["choices"] = [] if "->" in option["choices"] else [c.strip() for c in option["choices"].split(",") if c.strip()]
        out.append({**command, "options": options})
    return out


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return "\\&" + text if text.startswith((".", "\\(aq")) else text


def heading(name, section, what):
    return [f'.\\" Written by scripts/man.py; do not edit.', f'.TH {name} {section} "" "Tributary" "{what}"']


def option_lines(option):
    names = ", ".join(f"\\fB{roff(name)}\\fR" for name in option["names"])
    if option["positional"]:
        names = f"\\fI{roff(option['names'][0])}\\fR"
    elif option["value"]:
        names += f" \\fI{roff(option['names'][-1].lstrip('-').upper())}\\fR"
    default = f" Default: {roff(option['default'])}." if option["default"] else ""
    return [".TP", names, roff(option["help"].rstrip(".")) + "." + default]


def man_1(commands):
    out = heading("TRIBUTARY", 1, "User Commands")
    out += [".SH NAME", "tributary \\- MQTT to Kafka edge gateway", ".SH SYNOPSIS", ".B tributary", "\\fICOMMAND\\fR [\\fIOPTIONS\\fR]",
            ".SH DESCRIPTION",
            "Subscribes to MQTT sensor streams, makes every message safe on local disk before it is acknowledged, finds anomalies and thins "
            "the data out in event time, and replicates the result to an Apache Kafka cluster. The service is \\fBtributary.service\\fR; "
            "these commands look at it, test its configuration and try it out.", ".SH COMMANDS"]
    for command in commands:
        if not command["name"] or command["group"]:
            continue
        words = [f"\\fB{roff(command['name'])}\\fR"]
        words += [f"\\fI{roff(o['names'][0])}\\fR" if o["required"] else f"[\\fI{roff(o['names'][0])}\\fR]"
                  for o in command["options"] if o["positional"]]
        if any(not option["positional"] for option in command["options"]):
            words.append("[\\fIOPTIONS\\fR]")
        out += [f".SS {' '.join(words)}", roff(command["summary"]) + "."]
        for option in command["options"]:
            out += option_lines(option)
    out += [".SH SIGNALS", ".TP", "\\fBSIGHUP\\fR", "Read the configuration again. One with an error is not taken; \\fBtributary status\\fR says why.",
            ".TP", "\\fBSIGTERM\\fR, \\fBSIGINT\\fR", "Take no more messages, make safe and acknowledge what came, and end.",
            ".SH EXIT STATUS", ".TP", "\\fB0\\fR", "Done.", ".TP", "\\fB1\\fR", "Failed; standard error has a code and the reason.",
            ".TP", "\\fB2\\fR", "The command line or the configuration is wrong.", ".TP", "\\fB3\\fR",
            "The store was written by a newer version; it is left untouched.",
            ".SH FILES", ".TP", "\\fI/etc/tributary/tributary.toml\\fR, \\fI/etc/tributary/conf.d/*.toml\\fR", "The configuration.",
            ".TP", "\\fI/var/lib/tributary/store.db\\fR", "Messages, results, and how far Kafka has them.",
            ".TP", "\\fI/run/tributary/control.sock\\fR", "Answers \\fBtributary status\\fR; for root and the group tributary.",
            ".TP", "\\fI/usr/share/tributary/boards\\fR", "What \\fBtributary profile\\fR knows of boards.",
            ".SH SEE ALSO", ".BR tributary.toml (5),", ".BR systemctl (1),", ".BR mosquitto.conf (5)"]
    return "\n".join(out) + "\n"


def man_5(options):
    out = heading("TRIBUTARY.TOML", 5, "File Formats")
    out += [".SH NAME", "tributary.toml \\- configuration of the tributary gateway", ".SH SYNOPSIS",
            "\\fI/etc/tributary/tributary.toml\\fR, \\fI/etc/tributary/conf.d/*.toml\\fR", ".SH DESCRIPTION",
            "TOML. The files of conf.d are read after tributary.toml, in name order; a later file wins key by key; streams add up, and one with "
            "the name of an earlier one replaces it. Durations and sizes are texts with a unit: \"500ms\", \"10s\", \"2GiB\". After a change: "
            "\\fBtributary check\\fR, then \\fBsystemctl reload tributary\\fR. Types and options of detectors and downsamplers: "
            "\\fBtributary list detectors\\fR, \\fBtributary list downsamplers\\fR."]
    table = None
    for option in options:
        header, name = option["name"].rsplit(" ", 1)
        if header != table:
            table = header
            out.append(f'.SH "{roff(header)}"')
        kind, _, text = option["summary"].partition(": ")
        kind, _, default = kind.partition(" = ")
        default = f" Default: {roff(default)}." if default else ""
        out += [".TP", f"\\fB{roff(name)}\\fR ({roff(kind)})", roff(text.rstrip(".").replace("`", '"')) + "." + default]
    out += [".SH EXAMPLE", ".nf", ".RS"]
    example = """[mqtt]
url = "mqtt://127.0.0.1:1883"

[kafka]
brokers = "kafka.plant.example:9092"

[[stream]]
name = "temperature"
topics = "factory/+/+/temperature"
time = "/ts"
window = { size = "10s", lateness = "2s" }

[[stream.detect]]
type = "auto\""""
    out += [roff(line) for line in example.splitlines()] + [".RE", ".fi", ".SH SEE ALSO", ".BR tributary (1)"]
    return "\n".join(out) + "\n"


def tree(commands):
    """For each command path: the words that may follow as commands, and its options."""
    return {c["name"]: ([d["name"].split()[-1] for d in commands if d["name"] and d["name"].split()[:-1] == c["name"].split()],
                        c["options"]) for c in commands}


def bash(commands):
    out = ["# bash completion of tributary. Written by scripts/man.py; do not edit.", "_tributary() {",
           "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} path='' i",
           "    COMPREPLY=()", "    for ((i = 1; i < COMP_CWORD; i++)); do", "        case \"$path ${COMP_WORDS[i]}\" in"]
    paths = [" " + name for name in tree(commands) if name]
    out += ["            " + "|".join(f"'{path}'" for path in paths) + ') path="$path ${COMP_WORDS[i]}" ;;', "        esac", "    done",
            "    case \"$path:$before\" in"]
    for name, (_, options) in tree(commands).items():
        path = " " + name if name else ""
        for option in options:
            spellings = "|".join(f"'{path}:{spelling}'" for spelling in option["names"])
            if option["positional"] or not option["value"]:
                continue
            if option["choices"]:
                out.append(f"        {spellings}) COMPREPLY=($(compgen -W '{' '.join(option['choices'])}' -- \"$word\")); return ;;")
            elif FILES_AND_FOLDERS & set(option["names"]):
                out.append(f"        {spellings}) COMPREPLY=($(compgen -f -- \"$word\")); return ;;")
            else:
                out.append(f"        {spellings}) return ;;")
    out += ["    esac", "    case \"$path\" in"]
    for name, (below, options) in tree(commands).items():
        words = [*below, *(spelling for o in options if not o["positional"] for spelling in o["names"] if spelling.startswith("--"))]
        words += [choice for o in options if o["positional"] for choice in o["choices"]]
        files = any(o["positional"] and FILES_AND_FOLDERS & set(o["names"]) for o in options)
        out.append(f"        '{' ' + name if name else ''}') COMPREPLY=($(compgen {'-f ' if files else ''}-W '{' '.join(words)}' -- \"$word\")) ;;")
    out += ["    esac", "}", "complete -o filenames -F _tributary tributary"]
    return "\n".join(out) + "\n"


def zsh():
    return """#compdef tributary
# zsh completion of tributary. Written by scripts/man.py; do not edit.
# The same answers as in bash.
autoload -U +X bashcompinit && bashcompinit
source /usr/share/bash-completion/completions/tributary
"""


def fish(commands):
    out = ["# fish completion of tributary. Written by scripts/man.py; do not edit.", "complete -c tributary -f"]

    def quoted(text):
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    for command in commands:
        words = command["name"].split()
        if not words:
            continue
        first = "__fish_use_subcommand" if len(words) == 1 else f"__fish_seen_subcommand_from {words[0]}"
        out.append(f"complete -c tributary -n '{first}' -a {words[-1]} -d {quoted(command['summary'])}")
        where = " && ".join(f"__fish_seen_subcommand_from {word}" for word in words)
        for option in command["options"]:
            line = f"complete -c tributary -n '{where}'"
            if option["positional"]:
                if option["choices"]:
                    out.append(f"{line} -a {quoted(' '.join(option['choices']))}")
                elif FILES_AND_FOLDERS & set(option["names"]):
                    out.append(f"{line} -F")
                continue
            for name in option["names"]:
                line += f" -l {name[2:]}" if name.startswith("--") else f" -s {name[1:]}"
            if option["value"]:
                line += " -rF" if FILES_AND_FOLDERS & set(option["names"]) else f" -x -a {quoted(' '.join(option['choices']))}"
            out.append(f"{line} -d {quoted(option['help'])}")
    return "\n".join(out) + "\n"


def files(program):
    """Path below packaging/ -> text."""
    commands = commands_of(program)
    return {"man/tributary.1": man_1(commands), "man/tributary.toml.5": man_5(ask(program, "options", "--json")),
            "completions/tributary.bash": bash(commands), "completions/_tributary": zsh(), "completions/tributary.fish": fish(commands)}


if __name__ == "__main__":
    binary = sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/release/bin/tributary"
    for path, content in files(binary).items():
        target = ROOT / "packaging" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        print(target.relative_to(ROOT))
