#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# mmdebstrap with the suites of a release, from the mirrors that this host's apt uses; writes a tar to standard output.
#   debian.sh DIST MMDEBSTRAP_OPTION... > root.tar
# MIRROR and SECURITY_MIRROR: other mirrors.
set -euo pipefail
dist=$1
shift
options=("$@")
site() { # site LABEL: where apt has packages with that label from
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' "Label: $1" | sort -u | tail -1
}
mirror=${MIRROR:-$(site Debian)}
security=${SECURITY_MIRROR:-$(site Debian-Security)}
[ -n "$mirror" ] && [ -n "$security" ] || { echo "debian: apt knows no mirror of Debian: apt-get update, or MIRROR= and SECURITY_MIRROR=" >&2; exit 1; }
tar=$(mktemp)
log=$(mktemp)
trap 'rm -f "$tar" "$log"' EXIT

fetch() { # fetch SOURCE...
    mmdebstrap --format=tar --aptopt='Acquire::Retries "3"' "${options[@]}" "$dist" - "$@" </dev/null >"$tar" 2>"$log"
}
if ! fetch "deb $mirror $dist main" "deb $mirror $dist-updates main" "deb $security $dist-security main"; then
    # The lists of other architectures are out of step on mirrors now and then.
    echo "debian: not with all suites of $dist ($(grep -m 1 -o '^E: .\{,200\}' "$log")); trying its last point release alone" >&2
    if ! fetch "deb $mirror $dist main"; then
        grep '^E:' "$log" >&2
        echo "debian: no packages of $dist to be had; try later, or with MIRROR=" >&2
        exit 1
    fi
fi
cat "$tar"
