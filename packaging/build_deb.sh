#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The Debian package, built in a clean root of its own: build_deb.sh. Needs root. Variables:
#   ARCH=amd64 | arm64 | armhf    default: this machine's; another one is cross-built, nothing foreign comes onto the host
#   DIST=bookworm | trixie        default: bookworm
#   OUT=folder                    default: build/deb/DIST
#   VERSION, WORK, JOBS           of the package; the folder it is built in (seen in the build); how many at once
# Roots are kept in build/deb/roots; they are made anew when what the package builds on changes.
set -euo pipefail
cd "$(dirname "$0")/.."
source packaging/root.sh
native=$(dpkg --print-architecture)
ARCH=${ARCH:-$native} DIST=${DIST:-bookworm}
OUT=$(realpath -m "${OUT:-build/deb/$DIST}")
WORK=${WORK:-/build/tributary} JOBS=${JOBS:-$(nproc)}
VERSION=${VERSION:-$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)}
case $DIST in bookworm) release=deb12 ;; trixie) release=deb13 ;; *) echo "DIST: bookworm or trixie" >&2 && exit 2 ;; esac

# What control asks for, of the architecture that is built for; `:any` and tools are of this machine.
wanted=$(awk '/^Build-Depends:/ { on = 1; sub(/^[^:]*:/, "") } on && /^[^ ]*:/ { exit } on' packaging/debian/control |
    sed 's/([^)]*)//g' | tr ',\n' '  ')
packages=(build-essential dpkg-dev ccache)
for name in $wanted; do
    case $name in
    debhelper-compat) packages+=(debhelper) ;;
    dh-sequence-*) packages+=(debhelper) ;;
    *:any) packages+=("${name%:any}") ;;
    lib*-dev | prometheus-cpp-dev) packages+=("$name${ARCH:+:$ARCH}") ;;
    *) packages+=("$name") ;;
    esac
done
[ "$ARCH" = "$native" ] || packages+=("crossbuild-essential-$ARCH" "pkg-config:$ARCH")
make_scratch
trap tidy_scratch EXIT
root=$(make_root "build-$DIST-$ARCH" "$DIST" "$native${ARCH:+$([ "$ARCH" = "$native" ] || echo ,$ARCH)}" "${packages[@]}")

# The source as it is committed, plus what is not yet; no build folders.
mkdir -p "$root$WORK" "$OUT" build/deb/ccache
git ls-files -z -co --exclude-standard | tar --null --ignore-failed-read -T - -cf - | tar -xf - -C "$root$WORK"
cp -RP "$root$WORK/packaging/debian" "$root$WORK/debian"
sed -i "1s/(.*)/($VERSION~$release)/" "$root$WORK/debian/changelog"
for link in $(find "$root$WORK/debian" -type l); do # one folder up from packaging/debian
    target=$(readlink "$link") && ln -sfn "${target#../}" "$link"
done
options=(-b -us -uc "-j$JOBS")
[ "$ARCH" = "$native" ] || options+=("-a$ARCH" -Pcross,nocheck -d)
in_root "$root" --bind="$PWD/build/deb/ccache:/ccache" --setenv=CCACHE_DIR=/ccache --setenv=TZ="${TZ:-UTC}" \
    ${CCACHE_DISABLE:+--setenv=CCACHE_DISABLE=1} --chdir="$WORK" -- dpkg-buildpackage "${options[@]}" >"$OUT/build-$ARCH.log" 2>&1 ||
    { tail -40 "$OUT/build-$ARCH.log" >&2; exit 1; }
made=("$root$WORK"/../tributary*_"$VERSION~$release"_"$ARCH".*)
cp -f "${made[@]}" "$OUT/"
ls -l "$OUT"/tributary*_"$VERSION~$release"_"$ARCH".deb
