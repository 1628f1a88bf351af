# SPDX-License-Identifier: Apache-2.0
# Sourced, with `set -euo pipefail`: throw-away Debian roots for building and testing packages. mmdebstrap makes one in half
# a minute; it is kept as a tar file in build/deb/roots under a name that changes with what stands in it.

shopt -s inherit_errexit

# Where this machine has its own packages from; on another distribution say DEBIAN_MIRROR.
debian_mirror() {
    local own
    own=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null | head -1)
    echo "${DEBIAN_MIRROR:-$own}"
}

# Where roots are unpacked: in memory when there is plenty, for a root is many small files. tidy_scratch takes it away.
make_scratch() {
    scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/tributary-XXXXXX")
    if [ "$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)" -gt 8000000 ]; then
        mount -t tmpfs -o size=6g,mode=755 tributary "$scratch"
    fi
}
tidy_scratch() {
    mountpoint -q "$scratch" && umount "$scratch"
    rm -rf --one-file-system "$scratch"
}

# make_root NAME DIST ARCHES PACKAGE...: a fresh copy in the scratch folder; prints where.
make_root() {
    local name=$1 dist=$2 arches=$3 folder=build/deb/roots
    shift 3
    local packages
    packages=$(printf '%s\n' "$@" | sort -u | paste -sd,)
    local tar=$folder/$name-$(printf '%s' "$dist $arches $packages $(date +%Y-%V)" | sha256sum | cut -c1-12).tar
    mkdir -p $folder
    if [ ! -e "$tar" ]; then
        rm -f "$folder/$name"-*.tar
        echo "root: $dist $arches" >&2
        # Only the release itself: its packages have the same version on every architecture, which multiarch needs.
        TMPDIR=$scratch mmdebstrap --quiet --format=tar --mode=root --variant=minbase --architectures="$arches" --include="$packages" \
            "$dist" "$tar.new" "deb $(debian_mirror) $dist main" >&2 </dev/null
        mv "$tar.new" "$tar"
    fi
    local copy
    copy=$(mktemp -d "$scratch/root-XXXXXX")
    tar -xf "$tar" -C "$copy"
    chmod 755 "$copy"
    echo "$copy"
}

# in_root ROOT [OPTION...] -- COMMAND...: runs in it, with the network of this machine.
in_root() {
    local root=$1 options=()
    shift
    while [ "$1" != -- ]; do options+=("$1") && shift; done
    shift
    systemd-nspawn --quiet --register=no --keep-unit --directory="$root" --as-pid2 --pipe "${options[@]}" "$@" </dev/null
}
