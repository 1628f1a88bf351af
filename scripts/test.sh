#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What CI runs, stage by stage; stops at the first that fails. The system tests come last, so the last line is pytest's.
#   test.sh [nightly]
set -euo pipefail
cd "$(dirname "$0")/.."

failed=
stage() { # stage NAME COMMAND...: runs it and says how it went in one line
    local name=$1 from=$SECONDS
    shift
    echo "== $name"
    if "$@"; then
        echo "== $name: ok, $((SECONDS - from)) s"
    else
        echo "== $name: FAILED after $((SECONDS - from)) s"
        failed=$name
        exit 1
    fi
}
# Many of them mostly wait, for brokers and clocks.
unit() { ctest --test-dir "build/$1" --output-on-failure -j "$(($(nproc) * 2))" </dev/null; }
system_tests() {
    # The system's Python has the packages of setup.sh, whatever python3 means elsewhere in PATH. Two at a time, each with
    # a Kafka of its own: they wait for clocks and brokers most of the time. The nightly ones measure: one at a time.
    local workers=()
    [ "$1" = nightly ] || workers=(-n 2 --dist loadfile)
    TRIBUTARY_BIN=${TRIBUTARY_BIN:-$PWD/build/release/bin/tributary} \
        /usr/bin/python3 -m pytest tests/system -p no:cacheprovider -ra --durations=8 "${workers[@]}" -m "$1" \
        ${PYTEST_ARGS:-} </dev/null
}

without_fast_path() { # only the held-back PUBACK is wrapped; the door has to keep its promises all the same
    cmake --preset release -B build/no-fast-path -DTRIBUTARY_PAHO_FAST_PATH=OFF >/dev/null
    cmake --build build/no-fast-path --target mqtt_test
    build/no-fast-path/bin/mqtt_test
}

store_for_long() { TRIBUTARY_STORE_LONG=1 build/release/bin/store_test --no-intro; } # every length, every bit, 1e5 steps
five_days() { TRIBUTARY_FIVE_DAYS=1 build/release/bin/gateway_test --no-intro "--test-case=outage: five days*"; }

stage setup scripts/setup.sh
if [ "${1:-}" = nightly ]; then
    stage "release build" scripts/build.sh release
    stage "unit tests as it ships" unit release
    stage "store: faults, power cuts, bit flips, model" store_for_long
    stage "five days without Kafka" five_days
    stage "Kafka jars" scripts/kafka.sh install
    stage "thread sanitizer build" scripts/build.sh tsan
    stage "thread sanitizer unit tests" unit tsan
    stage "Paho without the fast path" without_fast_path
    system_tests nightly
else
    # The unit tests run under sanitizers here, and as they ship (-O2, no assertions) at night.
    stage "release build" scripts/build.sh release tributary tributary-clock downsample_tool
    stage "Kafka jars" scripts/kafka.sh install
    # The system tests wait most of the time: they run beside the sanitizers, which give way, and are shown when those are
    # done.
    shown=$(mktemp)
    system_tests "not nightly" >"$shown" 2>&1 &
    system=$!
    finish() { # whatever became of the sanitizers, what the system tests found is said
        local code=$?
        echo "== $SECONDS s so far; system tests"
        tail -n +1 -f --pid=$system "$shown"
        wait $system || code=$?
        rm -f "$shown"
        [ -z "$failed" ] || echo "== FAILED before the system tests: $failed"
        exit $code
    }
    trap finish EXIT
    stage "sanitizer build" nice scripts/build.sh asan-ubsan
    stage "sanitizer unit tests" unit asan-ubsan
fi
