# SPDX-License-Identifier: Apache-2.0
"""Detectors say the same, to the last bit, and keep the same state on amd64, arm64 and armhf (under qemu, as the boards' cores)."""
import concurrent.futures
import glob
import os
import shutil
import subprocess

import pytest

from harness.gateway import ROOT

pytestmark = [pytest.mark.nightly, pytest.mark.seconds(1800)]
MACHINES = {"amd64": ("g++", []),
            "arm64": ("aarch64-linux-gnu-g++", ["qemu-aarch64-static", "-cpu", "cortex-a53"]),
            "armhf": ("arm-linux-gnueabihf-g++", ["qemu-arm-static", "-cpu", "cortex-a8"])}
SOURCES = ["tests/arm/bits.cpp", "src/detect/*.cpp", "src/model/output.cpp", "src/model/topic_filter.cpp",
           *[f"src/config/{name}.cpp" for name in ("options", "stage_types", "reader", "keys", "tree", "syntax")],
           *[f"src/base/{name}.cpp" for name in ("math", "text", "log", "units", "files", "clock")]]
FLAGS = ["-std=c++20", "-O2", "-ffp-contract=off", "-DFMT_HEADER_ONLY", "-DTOML_HEADER_ONLY=1", "-DTRIBUTARY_BUILD_DAY=20000", "-Isrc"]


def build(compiler, folder):
    """Only what detectors need, of libraries only headers: no foreign packages."""
    folder.mkdir()
    sources = [source for pattern in SOURCES for source in glob.glob(pattern, root_dir=ROOT)]
    # The C library's own headers come first; what is only header is found on this machine.
    flags = FLAGS if compiler == "g++" else [*FLAGS, "-idirafter", "/usr/include"]

    def compile_one(source):
        subprocess.run([compiler, *flags, "-c", source, "-o", folder / (source.replace("/", "_") + ".o")], cwd=ROOT, check=True)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, sources))
    subprocess.run([compiler, "-static", *folder.glob("*.o"), "-o", folder / "bits"], check=True)
    return folder / "bits"


def test_detectors_are_bit_exact_on_arm(tmp_path, figure):
    for compiler, runner in MACHINES.values():
        for tool in (compiler, *runner[:1]):
            if shutil.which(tool) is None:
                pytest.skip(f"{tool} is not installed (apt install g++-aarch64-linux-gnu g++-arm-linux-gnueabihf qemu-user-static)")
    said = {}
    for machine, (compiler, runner) in MACHINES.items():
        program = build(compiler, tmp_path / machine)
        said[machine] = subprocess.run([*runner, program], capture_output=True, text=True, check=True, timeout=600).stdout
    figure("arm.detectors", said["amd64"].count("\n"))
    assert said["amd64"].count("\n") == 9
    assert said["arm64"] == said["amd64"]
    assert said["armhf"] == said["amd64"]
