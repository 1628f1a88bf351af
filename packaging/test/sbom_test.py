#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The bill of materials is SPDX 2.3, and names every library the package depends on: sbom_test.py SBOM DEB."""
import json
import re
import subprocess
import sys

# Of the toolchain and the package's own scripts: linked into everything, and in no table of ours.
TOOLCHAIN = {"libc6", "libgcc-s1", "libstdc++6", "tzdata", "systemd", "libgcc1"}


def field(deb, name):
    return subprocess.run(["dpkg-deb", "-f", deb, name], capture_output=True, text=True, check=True).stdout.strip()


def main(sbom, deb):
    with open(sbom) as file:
        document = json.load(file)
    assert document["spdxVersion"] == "SPDX-2.3" and document["dataLicense"] == "CC0-1.0"
    packages = {package["SPDXID"]: package for package in document["packages"]}
    assert len(packages) == len(document["packages"]), "an identifier stands there twice"
    for identifier, package in packages.items():
        assert re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", identifier)
        assert package["versionInfo"] and re.fullmatch(r"[\w.+-]+( OR [\w.+-]+)*", package["licenseDeclared"]), package
    for relation in document["relationships"]:
        assert relation["relatedSpdxElement"] in packages
    names = {package["name"] for package in packages.values()}
    assert "tributary" in names
    by_kind = {kind: {packages[r["relatedSpdxElement"]]["name"] for r in document["relationships"] if r["relationshipType"] == kind}
               for kind in ("STATIC_LINK", "DYNAMIC_LINK")}
    assert {"libpaho-mqtt-dev", "nlohmann-json3-dev", "libcli11-dev"} <= by_kind["STATIC_LINK"]
    # libfmt9 comes from libfmt-dev, libdate-tz3 from libhowardhinnant-date-dev: compare by the beginning of the name.
    shared = {name.removeprefix("lib").removesuffix("-dev").replace("howardhinnant-", "") for name in by_kind["DYNAMIC_LINK"] | by_kind["STATIC_LINK"]}
    for entry in field(deb, "Depends").split(","):
        name = entry.split("|")[0].split()[0]
        if name not in TOOLCHAIN:
            assert any(name.removeprefix("lib").startswith(known[:8]) for known in shared), f"{name} is not in the bill of materials"
    assert field(deb, "Version") == next(p["versionInfo"] for p in packages.values() if p["name"] == "tributary")
    print(f"sbom: {len(packages)} entries")


if __name__ == "__main__":
    main(*sys.argv[1:3])
