#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_cross.sh DIST ARCH...: builds for other machines, runs their unit tests under qemu as the weakest board's core, and
# compares what they make of one recorded input with what this machine makes of it.
set -euo pipefail
cd "$(dirname "$0")/.."
dist=$1
shift
scripts/setup.sh build test cross
presets=()
for arch in "$@"; do
    echo "== $arch, $dist"
    scripts/cross.sh "$arch" "$dist" all detect_bits
    preset=$arch-$dist
    [ "$dist" != bookworm ] || preset=$arch
    ctest --test-dir "build/$preset" --output-on-failure -j "$(nproc)" -E house </dev/null
    presets+=("$preset")
done
scripts/build.sh release tributary detect_bits
scripts/kafka.sh install
TRIBUTARY_BIN=$PWD/build/release/bin/tributary TRIBUTARY_CROSS="${presets[*]}" \
    /usr/bin/python3 -m pytest tests/system/test_cross.py tests/system/packaging/test_boards_emulated.py -p no:cacheprovider -ra ${PYTEST_ARGS:-} </dev/null
