# SPDX-License-Identifier: Apache-2.0
"""Tools from PyPI in a virtual environment under build/, never among the system's Python; a skip says why there are none."""
import pathlib
import subprocess

import pytest

BUILD = pathlib.Path(__file__).resolve().parents[3] / "build"


def python_with(name, *packages):
    """The interpreter of build/venv-NAME, which has exactly these packages (package==version)."""
    venv = BUILD / f"venv-{name}"
    interpreter, made = venv / "bin/python", venv / "made"
    if made.exists() and made.read_text().split() == list(packages) and interpreter.exists():
        return interpreter
    done = subprocess.run(["/usr/bin/python3", "-m", "venv", "--clear", venv], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        pytest.skip(f"no venv can be made (Debian: python3-venv): {done.stderr.strip() or done.stdout.strip()}")
    try:
        got = subprocess.run([venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:",
                              "--timeout", "20", "--retries", "1", *packages], capture_output=True, text=True, timeout=180)
    except subprocess.TimeoutExpired:
        pytest.skip("PyPI is out of reach: no answer in 3 minutes")
    if got.returncode != 0:
        pytest.skip(f"PyPI is out of reach, or lacks one of {packages} for this machine: {got.stderr.strip().splitlines()[-1]}")
    made.write_text(" ".join(packages))
    return interpreter
