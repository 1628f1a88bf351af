# SPDX-License-Identifier: Apache-2.0
"""The Yocto layer, as far as it can be judged without OpenEmbedded: its style, what BitBake's parser makes of it, its
packages against what `cmake --install` puts where, and the shell of its tasks. A real build: see the layer's README."""
import fnmatch
import hashlib
import json
import os
import pathlib
import re
import subprocess

import pytest

from harness.gateway import BINARY, ROOT
from harness.pypi import python_with

LAYER = ROOT / "packaging/yocto/meta-tributary"
SERIES = ("scarthgap", "wrynose")
# What is not for us: it opens web pages; a variant for the build host; addresses that this project does not have.
SUPPRESSED = ("oelint.vars.homepageping", "oelint.var.bbclassextend", "oelint.var.mandatoryvar.HOMEPAGE",
              "oelint.var.suggestedvar.BUGTRACKER", "oelint.var.suggestedvar.CVE_PRODUCT", "oelint.var.suggestedvar.SECTION")
# The recipes and packages of other layers that we name exist there, in both series.
KNOWN = {"openembedded-core": {"ca-certificates", "curl", "openssl", "sqlite3", "systemd", "tzdata", "tzdata-core", "zstd"},
         "meta-oe": {"cli11", "fmt", "librdkafka", "nlohmann-json", "paho-mqtt-c", "paho-mqtt-cpp", "spdlog", "tomlplusplus"},
         "meta-networking": {"chrony", "mosquitto"}}


@pytest.fixture(scope="module")
def python():
    return python_with("yocto", "oelint-adv==9.11.2", "bitbake-setup==2.19.0")


@pytest.fixture(scope="module")
def read(python):
    done = subprocess.run([python, pathlib.Path(__file__).with_name("read_layer.py"), LAYER], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(params=SERIES)
def recipes(request, read):
    return read[request.param]


@pytest.fixture
def tributary(recipes):
    (name,) = [name for name in recipes if name.startswith("tributary_")]
    return recipes[name]


@pytest.mark.parametrize("series", SERIES)
def test_style(python, series):
    files = sorted(path for kind in ("bb", "inc", "conf") for path in LAYER.rglob(f"*.{kind}"))
    assert len(files) > 8
    words = [word for rule in SUPPRESSED for word in ("--suppress", rule)]
    done = subprocess.run([python.with_name("oelint-adv"), "--quiet", "--relpaths", "--jobs", "1", "--release", series, *words, *files],
                          capture_output=True, text=True, timeout=120, cwd=LAYER)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_layer(read):
    assert set(read["layer"]["LAYERSERIES_COMPAT_tributary"].split()) == set(SERIES)
    assert read["layer"]["LAYERDEPENDS_tributary"].split() == ["core", "openembedded-layer"]
    readme = (LAYER / "README.md").read_text().lower()
    for word in ("maintainer", "patch", "@", *SERIES):  # what yocto-check-layer looks for, and what it is for
        assert word in readme
    assert (LAYER / "SECURITY.md").stat().st_size > 0
    for series in SERIES:
        assert f"branch: {series}" in (LAYER / f"kas/{series}.yml").read_text()


def test_every_name_is_a_recipe_somewhere(recipes):
    ours = {name.split("_")[0].removesuffix(".bb") for name in recipes}
    known = ours.union(*KNOWN.values())
    for name, said in recipes.items():
        for key, text in said.items():
            if key == "DEPENDS" or key.startswith(("RDEPENDS", "RRECOMMENDS")):
                assert set(text.split()) <= known, (name, key)


def test_what_fetches_names_its_commit_and_licence(recipes):
    for name, said in recipes.items():
        if "git://" in said.get("SRC_URI", ""):
            assert re.fullmatch("[0-9a-f]{40}", said["SRCREV"]), name
            assert re.fullmatch(r"file://\S+;md5=[0-9a-f]{32}", said["LIC_FILES_CHKSUM"]), name
            # The one way to say it that scarthgap and wrynose both take: wrynose refuses an S in WORKDIR.
            assert f"destsuffix={said['BP']}" in said["SRC_URI"] and said["S"].endswith(said["BP"]), name


def test_paho_fits_the_headers_of_the_series(read):
    for series, version in (("scarthgap", "1.3.13"), ("wrynose", "1.3.16")):
        preferred = [said["PV"] for said in read[series].values() if said["PN"] == "paho-mqtt-c-static" and int(said["DEFAULT_PREFERENCE"]) > 0]
        assert preferred == [version]


def test_recipe(tributary):
    cmake = (ROOT / "CMakeLists.txt").read_text()
    assert tributary["PV"] == re.search(r"project\(tributary VERSION ([\d.]+)", cmake)[1]
    assert tributary["LIC_FILES_CHKSUM"].endswith(hashlib.md5((ROOT / "LICENSE").read_bytes()).hexdigest())
    head = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    assert tributary["SRCREV"] == head
    assert {"librdkafka", "paho-mqtt-c-static", "paho-mqtt-cpp", "sqlite3", "systemd"} <= set(tributary["DEPENDS"].split())
    assert tributary["SYSTEMD_SERVICE:tributary"] == "tributary.service"
    user = tributary["USERADD_PARAM:tributary"].split()
    assert user[-1] == "tributary" and "--system" in user and "/var/lib/tributary" in user
    assert tributary["CONFFILES:tributary"] == "/etc/tributary/tributary.toml"
    options = set(re.findall(r"-D(TRIBUTARY_\w+)=", json.dumps(tributary["PACKAGECONFIG[]"]) + tributary["EXTRA_OECMAKE"]))
    assert options >= {"TRIBUTARY_TESTS", "TRIBUTARY_TEST_DATA", "TRIBUTARY_WERROR"}
    for option in options:
        assert re.search(rf"(option|set)\({option} ", cmake), f"{option} is no option of the build"


def installed(folder):
    build = BINARY.parents[1]
    if not (build / "cmake_install.cmake").exists():
        pytest.skip(f"{build} is no build folder of CMake")
    subprocess.run(["cmake", "--install", build, "--prefix", "/usr"], check=True, capture_output=True, timeout=120,
                   env={**os.environ, "DESTDIR": str(folder)})
    return ["/" + str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if not path.is_dir()]


def in_package(files, path):
    """As OpenEmbedded's packaging: a pattern takes a file, or a folder with all that is in it."""
    return any(fnmatch.fnmatch(path, pattern) or path.startswith(pattern.rstrip("/") + "/") for pattern in files)


def test_packages_take_what_is_installed(tributary, tmp_path):
    paths = installed(tmp_path)
    assert "/usr/bin/tributary" in paths
    packages = {name: [] for name, _ in tributary["packages"]}
    for path in paths:
        owner = next((name for name, files in tributary["packages"] if in_package(files, path)), None)
        assert owner, f"{path} is installed and in no package"
        packages[owner].append(path)
    assert tributary["CONFFILES:tributary"] in packages["tributary"]
    assert {"/usr/lib/systemd/system/" + unit for unit in tributary["SYSTEMD_SERVICE:tributary"].split()} <= set(packages["tributary"])
    # And nothing is promised that is not installed, beyond OpenEmbedded's own defaults.
    for name, files in tributary["packages"]:
        ours = [pattern for pattern in files if pattern.startswith(("/usr/lib/s", "/usr/lib/tmpfiles", "/usr/share/fish", "/usr/share/zsh", "/usr/share/bash"))]
        for pattern in ours:
            assert any(in_package([pattern], path) for path in packages[name]), f"{name}: nothing is installed at {pattern}"


def shell(body, **replace):
    for old, new in replace.values():
        body = body.replace(old, str(new))
    return subprocess.run(["bash", "-e", "-c", body], capture_output=True, text=True, timeout=120)


def test_unit_tests_find_their_data_on_the_device(tributary, tmp_path):
    build = tmp_path / "build/bin"
    build.mkdir(parents=True)
    for name, code in (("good_test", 0), ("bad_test", 1)):
        (build / name).write_text(f"#!/bin/sh\nexit {code}\n")
    done = shell(tributary["do_install_ptest"], s=(tributary["S"], ROOT), b=(tributary["B"], build.parent), d=(tributary["D"], tmp_path / "image"))
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "image" / tributary["PTEST_PATH"].lstrip("/")
    wanted = set(re.findall(r'TRIBUTARY_SOURCE_DIR\)? *\+? *"/([\w./]+)', "".join(path.read_text() for path in (ROOT / "tests").glob("*/*_test.cpp"))))
    assert len(wanted) > 5
    for path in wanted:
        assert (folder / path).exists(), path
    runner = folder / "run-ptest"
    runner.write_bytes((LAYER / "recipes-tributary/tributary/tributary/run-ptest").read_bytes())
    done = subprocess.run(["sh", runner], capture_output=True, text=True, timeout=60)
    assert (done.returncode, sorted(done.stdout.split("\n"))) == (1, ["", "FAIL: bad_test", "PASS: good_test"])


def test_static_paho_installs_one_file(recipes, tmp_path):
    (tmp_path / "build/src").mkdir(parents=True)
    (tmp_path / "build/src/libpaho-mqtt3as.a").write_text("!<arch>\n")
    said = recipes["paho-mqtt-c-static_1.3.16.bb"]
    done = shell(said["do_install"], b=(said["B"], tmp_path / "build"), d=(said["D"], tmp_path / "image"))
    assert done.returncode == 0, done.stderr
    files = ["/" + str(path.relative_to(tmp_path / "image")) for path in (tmp_path / "image").rglob("*") if path.is_file()]
    assert files == ["/usr/lib/libpaho-mqtt3as.a"]
    assert in_package(dict(said["packages"])["paho-mqtt-c-static-staticdev"], files[0])


def test_image_has_a_data_partition(recipes, tmp_path):
    said = recipes["tributary-gateway-image.bb"]
    assert "read-only-rootfs" in said["IMAGE_FEATURES"]
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/fstab").write_text("/dev/root / auto defaults 1 1\n")
    done = shell(said["tributary_data_partition"], root=(said["IMAGE_ROOTFS"], tmp_path))
    assert done.returncode == 0, done.stderr
    device, folder, kind, options, *rest = (tmp_path / "etc/fstab").read_text().splitlines()[1].split()
    assert (device, folder, kind, len(rest)) == ("LABEL=tributary-data", "/var/lib/tributary", "ext4", 2) and "nofail" in options
    assert (tmp_path / "var/lib/tributary").is_dir()
