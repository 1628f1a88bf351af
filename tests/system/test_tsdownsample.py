# SPDX-License-Identifier: Apache-2.0
"""M4, LTTB and MinMaxLTTB pick the indices that the Python package tsdownsample picks, on shared random and awkward
inputs. The package is a test dependency only; it lives in a venv under build/ and not among the system's Python."""
import json
import pathlib
import subprocess

import pytest

from harness.gateway import BINARY
from harness.pypi import python_with

PACKAGE = "tsdownsample==0.1.5.1"
COMPARE = pathlib.Path(__file__).with_name("compare_tsdownsample.py")
TOOL = BINARY.with_name("downsample_tool")


@pytest.fixture(scope="session")
def python():
    return python_with("tsdownsample", PACKAGE)


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
