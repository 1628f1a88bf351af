# SPDX-License-Identifier: Apache-2.0
"""M4, LTTB and MinMaxLTTB pick the indices that the Python package tsdownsample picks, on shared random and awkward
inputs. The package is a test dependency only; it lives in a venv under build/ and not among the system's Python."""
import json
import pathlib
import subprocess

import pytest

from harness.gateway import BINARY

ROOT = pathlib.Path(__file__).resolve().parents[2]
VENV = ROOT / "build/venv-tsdownsample"
PACKAGE = "tsdownsample==0.1.5.1"
COMPARE = pathlib.Path(__file__).with_name("compare_tsdownsample.py")
TOOL = BINARY.with_name("downsample_tool")


@pytest.fixture(scope="session")
def python():
    """The venv's interpreter, or a skip that says why."""
    interpreter = VENV / "bin/python"
    if subprocess.run([interpreter, "-c", "import tsdownsample"], capture_output=True).returncode == 0 \
            if interpreter.exists() else False:
        return interpreter
    made = subprocess.run(["/usr/bin/python3", "-m", "venv", "--clear", VENV], capture_output=True, text=True, timeout=120)
    if made.returncode != 0:
        pytest.skip(f"no venv can be made (Debian: python3-venv): {made.stderr.strip() or made.stdout.strip()}")
    try:
        got = subprocess.run([VENV / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:",
                              "--timeout", "20", "--retries", "1", PACKAGE], capture_output=True, text=True, timeout=180)
    except subprocess.TimeoutExpired:
        pytest.skip("PyPI is out of reach: no answer in 3 minutes")
    if got.returncode != 0:
        pytest.skip(f"PyPI is out of reach, or has no {PACKAGE} for this machine: {got.stderr.strip().splitlines()[-1]}")
    return interpreter


def test_same_indices_as_tsdownsample(python, figure):
    if not TOOL.exists():
        pytest.skip(f"{TOOL.name} is not built (scripts/build.sh release downsample_tool)")
    ran = subprocess.run([python, COMPARE, TOOL], capture_output=True, text=True, timeout=240)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    result = json.loads(ran.stdout)
    assert result["compared"] >= 3000
    assert min(result["by_method"].values()) >= 1000
    assert result["different"] == []
    figure("tsdownsample: selections compared", result["compared"])
