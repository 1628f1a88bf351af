# SPDX-License-Identifier: Apache-2.0
"""Programs of the cross builds, run on this host by qemu-user as a given core."""
import shutil

import pytest

from .gateway import ROOT

EMULATORS = {"arm64": "qemu-aarch64-static", "armhf": "qemu-arm-static", "riscv64": "qemu-riscv64-static"}


def emulated(preset, core, program="tributary"):
    """The words that run a program of build/PRESET; skips when it is not there."""
    arch, _, dist = preset.partition("-")
    path = ROOT / "build" / preset / "bin" / program
    if not path.exists() or shutil.which(EMULATORS[arch]) is None:
        pytest.skip(f"build/{preset}/bin/{program} is not built (make test-cross), or {EMULATORS[arch]} is not installed")
    return [EMULATORS[arch], "-cpu", core, "-L", str(ROOT / "build/sysroots" / f"{dist or 'bookworm'}-{arch}"), str(path)]
