# SPDX-License-Identifier: Apache-2.0
"""Man pages and completions say what the program says; they are made from it."""
import shutil
import subprocess
import sys

import pytest

from harness.gateway import BINARY, ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import man  # noqa: E402

PACKAGING = ROOT / "packaging"


def test_files_are_what_the_program_says():
    for name, text in man.files(BINARY).items():
        assert (PACKAGING / name).read_text() == text, f"packaging/{name}: run scripts/man.py"


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed (package man-db)")
@pytest.mark.parametrize("page", ["tributary.1", "tributary.toml.5"])
def test_pages_are_well_formed(page):
    done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", PACKAGING / "man" / page], timeout=60,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("line, wanted", [
    (["tributary", ""], ["run", "store", "profile"]),
    (["tributary", "pro"], ["profile"]),
    (["tributary", "store", ""], ["ls", "wipe"]),
    (["tributary", "store", "export", "--log", "win"], ["windows"]),
    (["tributary", "list", "det"], ["detectors"]),
    (["tributary", "check", "--on"], ["--online"]),
    (["tributary", "run", "-c", str(ROOT / "LICEN")], [str(ROOT / "LICENSE")]),
    (["tributary", "status", "--socket", "x", "--js"], ["--json"]),
])
def test_bash_completes(line, wanted):
    script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tributary; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script, "bash", PACKAGING / "completions/tributary.bash", *line], timeout=20,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.stderr == ""
    assert set(wanted) <= set(done.stdout.split())
    if line[-1]:
        assert set(wanted) == set(done.stdout.split())
