#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds for another machine: cross.sh ARCH DIST [TARGET...]     ARCH: arm64 armhf riscv64; DIST: bookworm trixie
# Into build/ARCH for bookworm, build/ARCH-DIST for others. On a host of another release the compilers run in a root of DIST.
set -euo pipefail
cd "$(dirname "$0")/.."
arch=$1 dist=$2
shift 2
preset=$arch-$dist
[ "$dist" != bookworm ] || preset=$arch
scripts/setup.sh cross
toolchains/sysroot.sh "$arch" "$dist" >/dev/null
if [ "$(. /etc/os-release && echo "$VERSION_CODENAME")" = "$dist" ]; then
    exec scripts/build.sh "$preset" "$@"
fi
exec toolchains/in-root.sh "$dist" scripts/build.sh "$preset" "$@"
