#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A real boot: Debian with systemd as PID 1 in systemd-nspawn, our package out of a signed apt repository, a mosquitto of
# the distribution and a real Kafka. What is tried there is in box.py. Needs root. DIST=bookworm | trixie
set -euo pipefail
cd "$(dirname "$0")/../.."
source packaging/root.sh
DIST=${DIST:-bookworm} ARCH=$(dpkg --print-architecture)
debs=build/deb/$DIST
version=$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)
next=$version+next
[ -n "${KEEP:-}" ] || rm -f "$debs"/tributary*_"$ARCH".deb
for wanted in "$version" "$next"; do
    ls "$debs"/tributary_"$wanted"~*_"$ARCH".deb >/dev/null 2>&1 || DIST=$DIST VERSION=$wanted packaging/build_deb.sh
done

make_scratch
trap tidy_scratch EXIT
root=$(make_root "boot-$DIST" "$DIST" "$ARCH" systemd systemd-sysv dbus apt ca-certificates iproute2 procps)
repo=$scratch/repo
mkdir -p "$repo" "$scratch/gnupg"
cp "$debs"/tributary_*_"$ARCH".deb "$repo/"
export GNUPGHOME=$scratch/gnupg
chmod 700 "$GNUPGHOME"
gpg --batch --quiet --pinentry-mode loopback --passphrase '' --quick-generate-key 'package test' ed25519 sign never
packaging/apt_repo.sh "$repo" "$DIST"
gpgconf --kill gpg-agent
/usr/bin/python3 packaging/test/box.py "$root" "$repo" "$DIST"
