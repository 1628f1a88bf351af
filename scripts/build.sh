#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Configures and builds one preset: build.sh PRESET [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
shift
if ! log=$(cmake --preset "$preset" 2>&1 </dev/null); then
    echo "$log" >&2
    exit 1
fi
exec cmake --build "build/$preset" ${1:+--target "$@"} </dev/null
