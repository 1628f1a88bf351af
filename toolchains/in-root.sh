#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command in a Debian of another release with this checkout at the same place: what is built for a release is compiled
# by the compiler of that release. The root is made once for each list of packages; needs root or sudo.
#   in-root.sh DIST COMMAND...
set -euo pipefail
cd "$(dirname "$0")/.."
dist=$1
shift
root=$PWD/build/roots/$dist
packages="ca-certificates $(scripts/setup.sh --list compilers)"
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)

if [ "$(cat "$root.packages" 2>/dev/null)" != "$packages" ]; then
    echo "in-root: fetching compilers of $dist" >&2
    "${as_root[@]}" rm -rf "$root"
    mkdir -p "$root"
    toolchains/debian.sh "$dist" --variant=apt --include="${packages// /,}" > "$root.tar"
    "${as_root[@]}" tar -x -f "$root.tar" -C "$root" --exclude='./dev/*' --numeric-owner
    rm "$root.tar"
    echo "$packages" > "$root.packages"
fi

# Mounts are private to this process and gone with it.
cache=$(ccache --get-config cache_dir)
mkdir -p "$cache"
exec "${as_root[@]}" unshare --mount -- bash -c '
    set -e
    root=$1 user=$2 cache=$3
    shift 3
    for folder in "$PWD" "$cache" /dev /proc; do
        mkdir -p "$root$folder"
        mount --rbind "$folder" "$root$folder"
    done
    exec chroot --userspec="$user" "$root" env HOME=/tmp LC_ALL=C.UTF-8 CCACHE_DIR="$cache" \
        bash -c "cd \"\$1\" && shift && exec \"\$@\"" in-root "$PWD" "$@"
' in-root "$root" "$(id -u):$(id -g)" "$cache" "$@" </dev/null
