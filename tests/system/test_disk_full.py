# SPDX-License-Identifier: Apache-2.0
"""A small file system, a real broker, Kafka away and back: what a full disk costs is what the configuration says, and it is over by
itself. `block`: nothing is lost, the broker keeps what does not fit. `thin`: resolution, no history."""
import collections
import json
import os
import random
import subprocess
import time

import pytest

from harness.gateway import check_balanced, pending, streams, tributary, unique_received, well
from harness.numbered import Account
from harness.publisher import publish_all
from test_handover import Background

MESSAGES = 30_000
DISK = "24m"
READINGS = """
[[stream]]
name = "all"
topics = ["factory/#"]
time = "/ts"
forward = "all"
"""
ALIVE = ("store", "disk", "kafka")


@pytest.fixture
def disk(tmp_path, request):
    """A file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small tmpfs")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    request.addfinalizer(lambda: subprocess.run(["umount", "-l", folder], check=False))
    return folder


def bulky(count, series=50):
    """Numbered readings with a kilobyte that compresses to half."""
    noise = random.Random(1)
    for i in range(count):
        yield f"factory/m{i % series}", b'{"ts":%d,"value":%d,"n":%d,"noise":"%s"}' % (
            time.time() * 1000, i % 97, i, noise.randbytes(700).hex().encode())


def test_block_the_broker_keeps_what_does_not_fit(disk, mosquitto, make_gateway, kafka, prefix, figure):
    gateway = make_gateway(mqtt_port=mosquitto.port, store=disk / "store.db",
                           store_extra='max_size = "1GiB"\nmin_free = "4MiB"\nwhen_full = "block"')
    gateway.start()
    mosquitto.wait_subscribed()
    with kafka.away():
        load = Background(publish_all, mosquitto.port, bulky(MESSAGES), rate=3000)
        status = gateway.wait_status(lambda s: not well(s, "store") and not well(s, "disk"), 120, "a store that is full")
        assert {e["code"] for e in status["health"] if e["component"] in ("store", "disk")} == {"TRB-STORE-004", "TRB-DISK-003"}
        assert os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize >= 3 << 20  # min_free, but for the last transaction
        load.finish(120)
        stuck = unique_received(gateway.status())
        assert stuck < MESSAGES
        # Somebody else takes the rest: every write fails now.
        with open(disk / "others", "wb") as others:
            try:
                while others.write(b"x" * 65536):
                    others.flush()
            except OSError:
                pass
        time.sleep(3)
        assert gateway.alive()
        (disk / "others").unlink()
        figure("disk_full.block.kept_by_broker", MESSAGES - stuck)
        assert gateway.status()["store"]["ladder"]["evicted_messages"] == 0
    gateway.wait_drained(MESSAGES, timeout=120)
    account = Account(kafka.read(f"{prefix}.readings"), MESSAGES)
    assert account.lost == [] and account.strange == []
    assert account.reordered == 0
    status = gateway.wait_status(lambda s: all(well(s, part) for part in ALIVE), 60, "good health")
    figure("disk_full.block.file_MiB", round(status["store"]["file_bytes"] / (1 << 20), 1))


def test_thin_costs_resolution_and_no_history(disk, mosquitto, make_gateway, kafka, prefix, figure):
    gateway = make_gateway(mqtt_port=mosquitto.port, store=disk / "store.db", streams=READINGS,
                           store_extra='max_size = "1GiB"\nmin_free = "4MiB"')
    gateway.start()
    mosquitto.wait_subscribed()
    with kafka.away():
        load = Background(publish_all, mosquitto.port, bulky(MESSAGES), rate=2000)
        gateway.wait_status(lambda s: s["store"]["ladder"]["thinned_messages"] > 0, 120, "the first summaries")
        load.finish(120)
        # All of it fits now: nothing waits in the broker.
        gateway.wait_status(lambda s: unique_received(s) >= MESSAGES, 120, "all messages on disk")
    status = gateway.wait_status(lambda s: unique_received(s) >= MESSAGES and pending(s) == 0, 120, "a drained gateway")
    check_balanced(status)
    books = streams(status)["all"]
    # The three ways to ask for the books say the same.
    ask = lambda *what: tributary("status", *what, "--socket", gateway.socket, timeout=20).stdout
    assert json.loads(ask("--ledger", "--json"))["ledger"]["streams"] == status["ledger"]["streams"]
    assert f'tributary_ledger_settled_total{{stream="all",fate="summarised"}} {books["summarised"]}\n' in ask("--metrics")
    assert str(books["summarised"]) in ask("--ledger")
    counts, parts = collections.Counter(), 0
    for record in kafka.read(f"{prefix}.readings"):
        counts[json.loads(record.value)["series"]] += 1
    readings = sum(counts.values())
    for record in kafka.read(f"{prefix}.windows"):
        window = json.loads(record.value)
        assert window["window"].startswith("thinned-")
        assert window["min"] <= window["mean"] <= window["max"]
        counts[window["series"]] += window["count"]
        parts += 1
    gaps = [json.loads(record.value) for record in kafka.read(f"{prefix}.gaps")]
    figure("disk_full.thin.readings", readings)
    figure("disk_full.thin.summaries", parts)
    assert counts == {f"factory/m{i}": MESSAGES // 50 for i in range(50)}
    assert books["forwarded"] == readings and books["summarised"] == MESSAGES - readings and books["evicted"] == 0
    assert sum(gap["count"] for gap in gaps if gap["log"] == "intake") == MESSAGES - readings
    assert all(gap["reason"] == "thinned" for gap in gaps)
    gateway.wait_status(lambda s: all(well(s, part) for part in ALIVE), 60, "good health")
