# SPDX-License-Identifier: Apache-2.0
"""Reads the Yocto layer as BitBake does, by BitBake's own parser, and prints what it understood as JSON.

Run by a Python that has PyPI's bitbake-setup. Of OpenEmbedded only the names are here: paths and defaults as its
bitbake.conf has them, and classes that exist but do nothing. What classes do is seen only in a real build.
"""
import json
import pathlib
import sys
import tempfile
import types

# The wheel carries BitBake's library without its hash and package servers, which only a running build asks.
for package, module in (("hashserv", "client"), ("prserv", "serv")):
    sys.modules[package], sys.modules[f"{package}.{module}"] = types.ModuleType(package), types.ModuleType(f"{package}.{module}")
    setattr(sys.modules[package], module, sys.modules[f"{package}.{module}"])

import bb.data_smart  # noqa: E402
import bb.parse  # noqa: E402
import bb.siggen  # noqa: E402

CLASSES = ("base", "bash-completion", "cmake", "core-image", "features_check", "packagegroup", "pkgconfig", "ptest", "systemd", "useradd")
BITBAKE_CONF = """
PN = "${@bb.parse.vars_from_file(d.getVar('FILE'), d)[0]}"
PV = "${@bb.parse.vars_from_file(d.getVar('FILE'), d)[1] or '1.0'}"
BPN = "${PN}"
BP = "${BPN}-${PV}"
THISDIR = "${@os.path.dirname(d.getVar('FILE'))}"
prefix = "/usr"
bindir = "${prefix}/bin"
sbindir = "${prefix}/sbin"
base_sbindir = "${prefix}/sbin"
libdir = "${prefix}/lib"
nonarch_libdir = "${prefix}/lib"
libexecdir = "${prefix}/libexec"
datadir = "${prefix}/share"
docdir = "${datadir}/doc"
mandir = "${datadir}/man"
infodir = "${datadir}/info"
includedir = "${prefix}/include"
sysconfdir = "/etc"
localstatedir = "/var"
systemd_system_unitdir = "${prefix}/lib/systemd/system"
PTEST_PATH = "${libdir}/${BPN}/ptest"
PTEST_ENABLED = "1"
TOPDIR = "/build"
WORKDIR = "${TOPDIR}/work"
S = "${WORKDIR}/${BP}"
B = "${WORKDIR}/build"
D = "${WORKDIR}/image"
IMAGE_ROOTFS = "${WORKDIR}/rootfs"
DEPENDS = ""
PACKAGES = "${PN}-src ${PN}-dbg ${PN}-staticdev ${PN}-dev ${PN}-doc ${PN}-locale ${PACKAGE_BEFORE_PN} ${PN}"
PACKAGE_BEFORE_PN = ""
FILES:${PN} = "${bindir}/* ${sbindir}/* ${libexecdir}/* ${libdir}/lib*.so.* ${sysconfdir} ${localstatedir} ${datadir}/${BPN} ${libdir}/${BPN}/*"
FILES:${PN}-doc = "${docdir} ${mandir} ${infodir}"
FILES:${PN}-dev = "${includedir} ${libdir}/lib*.so ${libdir}/pkgconfig ${libdir}/cmake"
FILES:${PN}-staticdev = "${libdir}/*.a"
"""
# What those classes add to the packages.
ADDED = {"bash-completion": 'PACKAGES:append = " ${PN}-bash-completion"\nFILES:${PN}-bash-completion = "${datadir}/bash-completion"\n',
         "systemd": 'FILES:${PN}:append = " ${@" ".join("${systemd_system_unitdir}/" + unit for unit in d.getVar("SYSTEMD_SERVICE:" + d.getVar("PN")).split())}"\n',
         "ptest": 'PACKAGE_BEFORE_PN += "${PN}-ptest"\nFILES:${PN}-ptest = "${PTEST_PATH}"\n'}


def fresh(layer, stubs, series):
    d = bb.data_smart.DataSmart()
    d.setVar("BBPATH", f"{stubs}:{layer}")
    d.setVar("LAYERSERIES_CORENAMES", series)
    d.setVar("BBFILE_COLLECTIONS", "core openembedded-layer")
    d.setVar("LAYERDIR", str(layer))
    bb.parse.siggen = bb.siggen.init(d)
    d = bb.parse.handle(str(stubs / "conf/bitbake.conf"), d)
    return bb.parse.handle(str(layer / "conf/layer.conf"), d)


def recipe(layer, stubs, series, path):
    d = fresh(layer, stubs, series)
    d.setVar("FILE", str(path))
    d.setVar("__bbclasstype", "recipe")
    d = bb.parse.handle(str(path), d)[""]
    said = {}
    for key in sorted(d.keys()):
        if key[0].isupper() or key.startswith(("do_", "tributary_data")):
            try:
                said[key] = str(d.getVar(key))
            except bb.data_smart.ExpansionError as error:
                raise SystemExit(f"{path}: {key}: {error}")
    said["PACKAGECONFIG[]"] = {name: text for name, text in (d.getVarFlags("PACKAGECONFIG") or {}).items() if not name.startswith("_")}
    said["packages"] = [[name, (d.getVar(f"FILES:{name}") or "").split()] for name in said["PACKAGES"].split()]
    return said


def main(layer):
    with tempfile.TemporaryDirectory() as folder:
        stubs = pathlib.Path(folder)
        (stubs / "conf").mkdir()
        (stubs / "conf/bitbake.conf").write_text(BITBAKE_CONF)
        for kind in ("classes", "classes-recipe"):
            (stubs / kind).mkdir()
        for name in CLASSES:
            (stubs / "classes" / f"{name}.bbclass").write_text(ADDED.get(name, "# nothing\n"))
        said = {"layer": {key: str(value) for key in ("LAYERSERIES_COMPAT_tributary", "LAYERDEPENDS_tributary", "BBFILES", "BBFILE_COLLECTIONS")
                          if (value := fresh(layer, stubs, "wrynose").getVar(key))}}
        for series in ("scarthgap", "wrynose"):
            said[series] = {path.name: recipe(layer, stubs, series, path) for path in sorted(layer.glob("recipes-*/*/*.bb"))}
    json.dump(said, sys.stdout)


main(pathlib.Path(sys.argv[1]).resolve())
