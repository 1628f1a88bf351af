#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a package has to show before it goes out, stage by stage: lintian, hardening, size, two builds alike, piuparts, a real
# boot, the other architectures. Needs root, and an hour on two cores. DIST=bookworm | trixie; ONLY="lint boot" runs these stages.
set -euo pipefail
cd "$(dirname "$0")/../.."
source packaging/root.sh
export DIST=${DIST:-bookworm}
ARCH=$(dpkg --print-architecture)
debs=build/deb/$DIST
mib=1048576

deb() { ls "$debs"/tributary_*"$ARCH".deb | grep -v '+next'; }

stage_build() {
    rm -f "$debs"/*_"$ARCH".*
    packaging/build_deb.sh
}

stage_lint() {
    lintian --allow-root --fail-on error,warning --pedantic "$(deb)" "$(deb | sed 's/tributary_/tributary-dbgsym_/')"
    blhc --all "$debs/build-$ARCH.log"
}

stage_content() {
    local folder binary size
    folder=$(mktemp -d)
    dpkg-deb -x "$(deb)" "$folder"
    dpkg-deb -e "$(deb)" "$folder/DEBIAN"
    for binary in usr/bin/tributary usr/libexec/tributary-clock; do
        # The Paho library of the distribution has no fortified twin for some of its calls; ours have.
        hardening-check --nocfprotection "$folder/$binary"
    done
    size=$(stat -c %s "$(deb)")
    echo "FIGURE package.deb_mib = $(bc -l <<<"scale=2; $size / $mib")"
    [ "$size" -le $((3 * mib)) ]
    size=$(stat -c %s "$folder/usr/bin/tributary")
    echo "FIGURE package.binary_mib = $(bc -l <<<"scale=2; $size / $mib")"
    [ "$size" -le $((4 * mib)) ]
    [ -z "$(find "$folder/DEBIAN" -name 'pre*' -path '*preinst')" ] || { echo "preinst is for armhf alone" >&2; exit 1; }
    /usr/bin/python3 packaging/test/sbom_test.py "$folder/usr/share/tributary/sbom.spdx.json" "$(deb)"
    packaging/test/preinst_test.sh
    if [ "$DIST" = "$(. /etc/os-release && echo "$VERSION_CODENAME")" ]; then
        /usr/bin/python3 packaging/test/first_ack.py "$folder/usr/bin/tributary"
    else
        echo "first acknowledgement: not measured, this machine has not the libraries of $DIST; the boot stage runs it there"
    fi
    rm -rf "$folder"
}

stage_again() { # elsewhere, on the other side of the date line, one job at a time: the same bytes
    local again=$debs/again
    OUT=$again WORK=/srv/somewhere/else TZ=Pacific/Auckland JOBS=$(($(nproc) + 1)) CCACHE_DISABLE=1 packaging/build_deb.sh
    for one in "$again"/*.deb; do
        cmp "$one" "$debs/$(basename "$one")"
        echo "alike: $(basename "$one") $(sha256sum <"$one" | cut -c1-16)"
    done
    rm -rf "$again"
}

stage_piuparts() {
    make_scratch
    trap tidy_scratch EXIT
    local base
    base=$(make_root "piuparts-$DIST" "$DIST" "$ARCH" systemd apt ca-certificates debconf eatmydata)
    tar -C "$base" -czf "$scratch/base.tgz" .
    rm -rf "$base"
    # What systemd's and debconf's own scripts leave behind is not ours.
    TMPDIR=$scratch piuparts --no-symlinks --warn-on-debsums-errors -b "$scratch/base.tgz" -d "$DIST" \
        --mirror "$(debian_mirror) main" --no-eatmydata --ignore-regex '/(etc/(passwd|group|shadow|gshadow|subuid|subgid)-|var/lib/systemd/.*|var/cache/debconf/.*)' \
        "$(deb)" >"$debs/piuparts.log" 2>&1 || { grep -E "ERROR|FAIL|WARN" "$debs/piuparts.log" | tail -20 >&2; exit 1; }
    tail -1 "$debs/piuparts.log"
}

stage_boot() { KEEP=1 packaging/test/boot.sh; }

stage_cross() { # the other architectures, from clean roots of this one
    local arch one folder
    for arch in amd64 arm64 armhf; do
        [ "$arch" != "$ARCH" ] || continue
        rm -f "$debs"/*_"$arch".*
        ARCH=$arch packaging/build_deb.sh
        one=$(ls "$debs"/tributary_*_"$arch".deb)
        lintian --allow-root --fail-on error,warning "$one"
        folder=$(mktemp -d)
        dpkg-deb -x "$one" "$folder"
        /usr/bin/python3 packaging/test/sbom_test.py "$folder/usr/share/tributary/sbom.spdx.json" "$one"
        rm -rf "$folder"
    done
}

for name in ${ONLY:-build lint content again piuparts boot cross}; do
    began=$SECONDS
    echo "== $name"
    (stage_"$name")
    echo "== $name: ok, $((SECONDS - began)) s"
done
