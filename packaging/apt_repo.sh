#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Turns a folder of packages into a signed apt repository: apt_repo.sh FOLDER [DISTRIBUTION] [KEY]
# The folder's *.deb are its pool; everything apt wants is written beside them, so any web server, or a USB stick, will do.
# KEY: a key of this user's gpg (default: gpg's default key). On the box:
#   install -m 644 tributary.gpg /etc/apt/keyrings/
#   echo "deb [signed-by=/etc/apt/keyrings/tributary.gpg] https://packages.plant.example/ bookworm main" > /etc/apt/sources.list.d/tributary.list
set -euo pipefail
folder=${1:?apt_repo.sh FOLDER [DISTRIBUTION] [KEY]} distribution=${2:-bookworm} key=${3:-}
cd "$folder"
arches=$(for deb in *.deb; do dpkg-deb -f "$deb" Architecture; done | sort -u | paste -sd' ')
rm -rf "dists/$distribution"
for arch in $arches; do
    index=dists/$distribution/main/binary-$arch
    mkdir -p "$index/by-hash/SHA256"
    # Several versions may lie there: the one before is what one goes back to.
    apt-ftparchive --arch "$arch" packages . >"$index/Packages"
    gzip -9nk "$index/Packages"
    for file in "$index"/Packages*; do
        cp "$file" "$index/by-hash/SHA256/$(sha256sum <"$file" | cut -d' ' -f1)"
    done
done
apt-ftparchive -o "APT::FTPArchive::Release::Origin=Tributary" -o "APT::FTPArchive::Release::Label=Tributary" \
    -o "APT::FTPArchive::Release::Suite=$distribution" -o "APT::FTPArchive::Release::Codename=$distribution" \
    -o "APT::FTPArchive::Release::Architectures=$arches" -o "APT::FTPArchive::Release::Components=main" \
    -o "APT::FTPArchive::Release::Acquire-By-Hash=yes" release "dists/$distribution" >release.new
mv release.new "dists/$distribution/Release"
gpg --batch --yes ${key:+--local-user "$key"} --clearsign -o "dists/$distribution/InRelease" "dists/$distribution/Release"
gpg --batch --yes ${key:+--local-user "$key"} --export >tributary.gpg
