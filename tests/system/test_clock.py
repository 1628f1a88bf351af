# SPDX-License-Identifier: Apache-2.0
"""Boxes whose clock is wrong when they start: by libfaketime the gateway sees another wall clock, while the time since boot
runs as it is. Kafka 4 refuses records stamped more than an hour ahead, so this is where data gets lost elsewhere."""
import collections
import glob
import json
import subprocess
import time

import pytest

from harness.gateway import RAW_STREAM, check_balanced
from harness.numbered import Account, numbered
from harness.process import wait_until
from harness.publisher import publish_all

FAKETIME = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
BOOT_ID = "/proc/sys/kernel/random/boot_id"
MESSAGES = 1500  # a boot
STREAMS = RAW_STREAM + """
[[stream]]
name = "arrival"
topics = ["factory/#"]
forward = "windows"
window = { size = "2s", idle = "5s" }
"""


def other_boot(path):
    """Words before a command that let it see another boot of the machine (a mount in a namespace of its own: root)."""
    return ["unshare", "-m", "sh", "-c", f'mount --bind "$0" {BOOT_ID} && exec "$@"', str(path)]


def can_be_other_boot(folder):
    path = folder / "probe"
    path.write_text("00000000-0000-0000-0000-000000000000\n")
    done = subprocess.run([*other_boot(path), "cat", BOOT_ID], capture_output=True, text=True, timeout=20)
    return done.stdout.startswith("00000000-")


def faked(when):
    return ["env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME={when}", "FAKETIME_DONT_FAKE_MONOTONIC=1", "TZ=UTC"] if when else []


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed (scripts/setup.sh)")
@pytest.mark.parametrize("hold,boots", [("1s", "several"), ("1s", "one"), ("auto", "several")])
def test_ten_years_ahead_then_1970_then_right(hold, boots, mosquitto, make_gateway, kafka, prefix, figure, tmp_path):
    if boots == "several" and not can_be_other_boot(tmp_path):
        pytest.skip("no mount namespaces here, so every process sees the same boot")
    gateway = make_gateway(mqtt_port=mosquitto.port, clock="auto", gateway_extra=f'unsynced_hold = "{hold}"', streams=STREAMS)
    command = gateway.command
    sent = 0
    for number, when in enumerate(["+3652d", "@1970-01-02 00:00:00", None], start=1):
        boot = tmp_path / f"boot{number}"
        boot.write_text(f"{number}1111111-2222-3333-4444-555555555555\n")
        gateway.command = [*(other_boot(boot) if boots == "several" else []), *faked(when), *command]
        if when is None:
            gateway.configure(clock="trusted")  # the word that the clock is right now
        gateway.start()
        status = gateway.status()
        assert status["clock"]["state"] == ("synced" if when is None else "unsynced"), status["clock"]
        mosquitto.wait_subscribed()
        publish_all(mosquitto.port, numbered(MESSAGES, start=sent), rate=500)
        sent += MESSAGES
        if when is not None:
            wait_until(lambda: gateway.status()["mqtt"]["acknowledged"] > 0, 20, "acknowledged message, whatever the clock says")
            if hold == "auto":
                assert "processing_waits_until" in gateway.status()["clock"]
            time.sleep(2)
            gateway.kill9()
    status = gateway.wait_drained(2 * sent, timeout=90)  # by two streams
    check_balanced(status)
    account = Account(kafka.read(f"{prefix}.readings"), sent)
    figure(f"clock.{hold}.{boots}.lost", len(account.lost))
    figure(f"clock.{hold}.{boots}.refused", status["kafka"]["refused"])
    assert account.lost == []
    assert status["kafka"]["refused"] == 0
    assert account.nameless == 0
    # Nothing is poisoned by the years ahead, and no window lies over another.
    windows = collections.defaultdict(list)
    for record in kafka.read(f"{prefix}.windows"):
        value = json.loads(record.value)
        windows[value["series"]].append((value["start"], value["end"], value["revision"]))
    now_ms = time.time() * 1000
    assert len(windows) == 50
    for found in windows.values():
        found = sorted(set(found))  # a resent record comes with the same id
        assert all(a[1] <= b[0] or a[:2] == b[:2] and a[2] != b[2] for a, b in zip(found, found[1:])), found
        assert any(now_ms - 120_000 < start <= now_ms for start, _, _ in found), found
