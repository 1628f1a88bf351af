#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The package's software bill of materials as SPDX 2.3 JSON: sbom.py, from the root of the source tree, in the build.

docs/dependencies.md says which libraries there are and under which licence, dpkg which version was built against. The same
build gives the same bytes.
"""
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess

# How the table's words are called by SPDX.
LICENCES = {"EPL-2.0 / EDL-1.0": "EPL-2.0 OR BSD-3-Clause", "public domain": "blessing", "LGPL-2.1+": "LGPL-2.1-or-later"}
# Compiled in: headers, and the static Paho C. Everything else is a shared library that the package depends on.
COMPILED_IN = {"libpaho-mqtt-dev", "nlohmann-json3-dev", "libcli11-dev"}


def rows():
    for line in pathlib.Path("docs/dependencies.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 6 and re.match(r"lib|\w.*-dev", cells[1]) and cells[3] != "tests only":
            for package in re.findall(r"[\w.+-]+-dev", cells[1]):
                yield package, LICENCES.get(cells[2], cells[2])


def version(package, arch):
    """Of the architecture built for; headers alone are of `all`."""
    for name in (f"{package}:{arch}", package):
        done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode == 0 and done.stdout:
            return done.stdout
    return "NOASSERTION"


def own(field):
    done = subprocess.run(["dpkg-parsechangelog", "-S", field], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def entry(name, release, licence):
    return {"SPDXID": f"SPDXRef-{re.sub('[^A-Za-z0-9.-]', '-', name)}", "name": name, "versionInfo": release,
            "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": licence, "licenseDeclared": licence,
            "copyrightText": "NOASSERTION"}


def main():
    arch = os.environ.get("DEB_HOST_ARCH") or subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True).stdout.strip()
    ours = entry("tributary", own("Version"), "Apache-2.0")
    packages, relations = [ours], [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": ours["SPDXID"]}]
    for package, licence in rows():
        release = version(package, arch)
        if release == "NOASSERTION":
            continue
        one = entry(package, release, licence)
        one["externalRefs"] = [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                                "referenceLocator": f"pkg:deb/debian/{package}@{release.replace('+', '%2B').replace('~', '%7E')}?arch={arch}"}]
        packages.append(one)
        kind = "STATIC_LINK" if package in COMPILED_IN else "DYNAMIC_LINK"
        relations.append({"spdxElementId": ours["SPDXID"], "relationshipType": kind, "relatedSpdxElement": one["SPDXID"]})
    when = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", own("Timestamp"))), datetime.timezone.utc)
    digest = hashlib.sha256(json.dumps(packages, sort_keys=True).encode()).hexdigest()[:32]
    print(json.dumps({"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
                      "name": f"tributary {ours['versionInfo']} {arch}",
                      "documentNamespace": f"urn:tributary:sbom:{ours['versionInfo']}:{arch}:{digest}",
                      "creationInfo": {"created": when.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: tributary-sbom.py"]},
                      "packages": packages, "relationships": relations}, indent=1))


if __name__ == "__main__":
    main()
