# SPDX-License-Identifier: Apache-2.0
"""A store larger than the memory that may be used: Kafka is away, the backlog grows, and memory stays flat; and a disk whose fsync
takes 20 ms."""
import json
import os
import pathlib
import random
import subprocess
import time

import pytest

from harness.gateway import RAW_STREAM, _proc_number, unique_received
from harness.process import free_port
from harness.publisher import publish_all

FLAT = 5 << 20
MIB = 1 << 20


def noise(count, size, first=0):
    """Payloads that do not compress."""
    source = random.Random(first)
    for i in range(first, first + count):
        yield f"factory/m{i % 50}", i.to_bytes(8, "big") + source.randbytes(size - 8)


def rss(gateway):
    return _proc_number(gateway.pid, "status", "VmRSS") * 1024


def grow(gateway, mosquitto, until, sent, size=4096):
    """Publishes until the store uses so many bytes; the greatest memory seen on the way."""
    most = 0
    while gateway.status()["store"]["used_bytes"] < until:
        sent += publish_all(mosquitto.port, noise(5000, size, sent))
        gateway.wait_status(lambda s: unique_received(s) >= sent, 120, "the messages on disk")
        most = max(most, rss(gateway))
    return sent, most


@pytest.mark.parametrize("backlog", [pytest.param(64 * MIB, id="64MiB"),
                                     pytest.param(1024 * MIB, id="1GiB", marks=[pytest.mark.nightly, pytest.mark.seconds(1200)])])
def test_memory_is_flat_whatever_waits(backlog, mosquitto, make_gateway, figure):
    gateway = make_gateway(mqtt_port=mosquitto.port, brokers=f"127.0.0.1:{free_port()}", store_extra='max_size = "4GiB"')
    gateway.start()
    mosquitto.wait_subscribed()
    sent, before = grow(gateway, mosquitto, backlog // 4, 0)
    sent, after = grow(gateway, mosquitto, backlog, sent)
    figure("backlog.bytes", gateway.status()["store"]["used_bytes"])
    figure("backlog.messages", sent)
    figure("backlog.rss_growth_MiB", round((after - before) / MIB, 2))
    assert after - before < FLAT
    gateway.kill9()
    sent += publish_all(mosquitto.port, noise(1, 100, sent))
    began = time.monotonic()
    gateway.start(wait=False)
    gateway.wait_status(lambda s: s["mqtt"]["acknowledged"] >= 1, 60, "the first acknowledgement", every=0.01)
    figure("backlog.start_to_first_acknowledgement_s", round(time.monotonic() - began, 2))
    assert rss(gateway) - after < FLAT
    gateway.kill9()  # nobody will take this backlog


SLOW = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
static int slow(const char* name, int fd) {
    usleep(20000);
    return ((int (*)(int))dlsym(RTLD_NEXT, name))(fd);
}
int fsync(int fd) { return slow("fsync", fd); }
int fdatasync(int fd) { return slow("fdatasync", fd); }
"""


def test_rate_when_fsync_takes_20_ms(mosquitto, make_gateway, tmp_path, figure):
    source, library = tmp_path / "slow.c", tmp_path / "slow.so"
    source.write_text(SLOW)
    if subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], capture_output=True).returncode != 0:
        pytest.skip("no C compiler for the slow fsync")
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=RAW_STREAM)
    gateway.env = {**(gateway.env or {}), "LD_PRELOAD": str(library)}
    gateway.start()
    mosquitto.wait_subscribed()
    count = 100_000
    messages = [(f"factory/m{i % 100}/s", json.dumps({"ts": i, "value": i % 977 / 7})) for i in range(count)]
    began = time.monotonic()
    publish_all(mosquitto.port, messages)
    status = gateway.wait_status(lambda s: unique_received(s) >= count, 120, "all on disk", every=0.05)
    figure("slow_fsync.messages_per_s", round(count / (time.monotonic() - began)))
    figure("slow_fsync.commits", status["store"]["commits"])
    assert gateway.wait_drained(count)
    assert gateway.terminate() == 0
