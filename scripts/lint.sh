#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Layout (clang-format, changes nothing) and bugs (clang-tidy over the files of the dev build, one by one).
set -euo pipefail
cd "$(dirname "$0")/.."
git ls-files '*.cpp' '*.hpp' | xargs clang-format --dry-run --Werror
echo "clang-format: nothing to change"
cmake --preset dev -B build/lint -DTRIBUTARY_UNITY=OFF >/dev/null
git ls-files 'src/*.cpp' | xargs -P "$(nproc)" -n 4 clang-tidy --quiet --extra-arg=-Wno-unknown-warning-option -p build/lint
echo "clang-tidy: nothing found"
