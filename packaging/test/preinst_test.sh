#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The armhf package refuses an ARMv6 with a text that says why, and nothing else.
set -euo pipefail
script=$(dirname "$0")/../debian/tributary.preinst.armhf
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
try() { # try MACHINE ACTION: the exit code; what it said is in the file `said`
    printf '#!/bin/sh\necho %s\n' "$1" >"$folder/uname"
    chmod +x "$folder/uname"
    PATH=$folder:$PATH sh "$script" "$2" >"$folder/said" 2>&1 && echo 0 || echo $?
}
[ "$(try armv7l install)" = 0 ] && [ "$(try aarch64 upgrade)" = 0 ] && [ ! -s "$folder/said" ]
[ "$(try armv6l install)" = 1 ] && grep -q "Raspberry Pi 1, Zero, Zero W" "$folder/said"
[ "$(try armv6l upgrade)" = 1 ]
[ "$(try armv6l abort-upgrade)" = 0 ]
echo "preinst: ARMv6 is refused"
