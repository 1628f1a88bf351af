#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that are missing (bookworm, trixie) and nothing else. Services stay as they are: a mosquitto
# that this script installs is neither started nor enabled. Needs root or sudo only when something is missing.
#   setup.sh [build] [test] [demo] [package] [cross] ...     default: build test demo
#   setup.sh --list GROUP                                    only prints the names
set -euo pipefail

# What is linked, for whatever machine (toolchains/sysroot.sh takes it for others).
libraries=(libc6-dev libpaho-mqtt-dev libpaho-mqttpp-dev librdkafka-dev libcurl4-openssl-dev libsqlite3-dev nlohmann-json3-dev doctest-dev libcli11-dev
    libtomlplusplus-dev libspdlog-dev libfmt-dev libzstd-dev libsystemd-dev prometheus-cpp-dev libssl-dev
    libhowardhinnant-date-dev tzdata)
build=(build-essential cmake ninja-build pkg-config git ca-certificates python3 "${libraries[@]}")
compilers=(cmake ninja-build pkg-config ccache python3 g++-aarch64-linux-gnu g++-arm-linux-gnueabihf g++-riscv64-linux-gnu)
cross=("${compilers[@]}" mmdebstrap qemu-user-static)
test=(mosquitto mosquitto-clients openssl python3-pytest python3-pytest-xdist python3-confluent-kafka python3-venv default-jre-headless maven
    faketime libfaketime strace systemd python3-jsonschema man-db)
demo=(mosquitto mosquitto-clients kcat python3)
lint=(clang-format clang-tidy)
bench=(libmosquitto-dev)
package=(mmdebstrap systemd-container dpkg-dev debhelper devscripts lintian blhc piuparts apt-utils gnupg debian-archive-keyring bc)
flink=(python3-pytest default-jdk-headless maven)

if [ "${1:-}" = --list ]; then
    declare -n packages=$2
    echo "${packages[@]}"
    exit
fi

wanted=()
for group in "${@:-build test demo}"; do
    for name in $group; do
        declare -n packages=$name
        wanted+=("${packages[@]}")
    done
done

missing=()
for package in "${wanted[@]}"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null || { echo "setup: no apt-get here; please install: ${missing[*]}" >&2; exit 1; }
root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "setup: neither root nor sudo; please install: ${missing[*]}" >&2; exit 1; }
    root=(sudo)
fi
echo "setup: installing ${missing[*]}"

# Debian starts a service when its package is installed, unless policy-rc.d says no. One that is there already stays.
policy=/usr/sbin/policy-rc.d
made_policy=no
new_mosquitto=no
case " ${missing[*]} " in *" mosquitto "*) new_mosquitto=yes ;; esac
if [ $new_mosquitto = yes ] && [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee $policy >/dev/null
    "${root[@]}" chmod 755 $policy
    made_policy=yes
fi
tidy() { [ $made_policy = no ] || "${root[@]}" rm -f $policy; }
trap tidy EXIT

apt() { "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" </dev/null; }
for attempt in 1 2 3; do # apt-get update does not wait for its own lock
    if apt update; then break; fi
    [ $attempt != 3 ] || echo "setup: apt-get update failed; trying with the lists that are there" >&2
    sleep 5
done
apt install -y --no-install-recommends "${missing[@]}"
if [ $new_mosquitto = yes ] && command -v systemctl >/dev/null; then
    "${root[@]}" systemctl disable --quiet mosquitto.service 2>/dev/null || true
fi
