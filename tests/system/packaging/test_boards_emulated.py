# SPDX-License-Identifier: Apache-2.0
"""The binary of each board's architecture, under its processor (qemu), with its drop-ins: a fixed load within its memory.

Needs the cross-built binary (build/arm64, build/armhf) and its sysroot; skipped where they are not.
"""
import json
import re
import shutil
import subprocess

import pytest

from harness.emulated import emulated
from harness.gateway import BINARY, unique_received
from harness.numbered import numbered
from harness.publisher import Publisher
from test_boards import BOARDS, NOWHERE, image, in_bytes, profile

pytestmark = [pytest.mark.nightly, pytest.mark.seconds(600)]
COUNT = 20_000


def program_of(board):
    """How this host runs the board's binary."""
    arch = board["facts"]["debian_arch"]["value"]
    if arch == "amd64":
        return [str(BINARY)]
    core = "cortex-" + re.search(r"Cortex-(A\d+)", board["facts"]["cpu"]["value"]).group(1).lower()
    return emulated(arch, core)


def peak_of(command):
    """Of a child that only prints its version, in bytes."""
    script = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); " \
             "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    done = subprocess.run(["/usr/bin/python3", "-c", script, *command, "version"], capture_output=True, text=True, timeout=60, check=True)
    return int(done.stdout) * 1024


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_lives_within_its_memory(path, mosquitto, make_gateway, tmp_path, figure):
    board = json.loads(path.read_text())
    budget = board["budgets"][0]
    program = program_of(board)
    # The emulator's own memory is in the figure: what the program needs to say its version is known without it.
    emulator = max(0, peak_of(program) - peak_of([str(BINARY)]))
    gateway = make_gateway(mqtt_port=mosquitto.port, brokers=NOWHERE)
    root = image(tmp_path / "root", board, budget["ram_mib"])
    assert profile("apply", root).returncode == 0
    shutil.copytree(root / "etc/tributary/conf.d", gateway.folder / "conf.d")
    gateway.command = [*program, "run", "--config", str(gateway.config)]
    gateway.start()
    mosquitto.wait_subscribed(timeout=60)
    with Publisher(mosquitto.port) as publisher:
        publisher.publish(numbered(COUNT, series=200))
        publisher.finish()
    gateway.wait_status(lambda s: unique_received(s) >= COUNT and s["store"]["queue_bytes"] == 0, 120, "everything on the disk")
    peak = gateway.peak_rss_bytes() - emulator
    figure(f"board.{board['id']}.emulated_peak_mib", round(peak / (1 << 20), 1))
    assert peak <= in_bytes(budget["memory_high"])
