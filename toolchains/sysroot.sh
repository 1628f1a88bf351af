#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Debian's libraries and headers of another architecture in a folder: unpacked, not installed, so the host needs no foreign
# packages and no emulator. Made once for each list of packages; prints the folder.
#   sysroot.sh ARCH DIST      ARCH: arm64 armhf riscv64; DIST: bookworm trixie
set -euo pipefail
cd "$(dirname "$0")/.."
arch=$1 dist=$2
root=$PWD/build/sysroots/$dist-$arch
packages=$(scripts/setup.sh --list libraries)

if [ "$(cat "$root.packages" 2>/dev/null)" != "$packages" ]; then
    echo "sysroot: fetching $dist $arch" >&2
    rm -rf "$root"
    mkdir -p "$root"
    # As a tar the files become ours, in whatever way mmdebstrap works.
    toolchains/debian.sh "$dist" --variant=extract --architectures="$arch" --include="${packages// /,}" > "$root.tar"
    tar -x -f "$root.tar" -C "$root" --exclude='./dev/*'
    rm "$root.tar"
    [ -e "$root/lib" ] || ln -s usr/lib "$root/lib" # merged: where a program's dynamic linker is looked for
    echo "$packages" > "$root.packages"
fi
echo "$root"
