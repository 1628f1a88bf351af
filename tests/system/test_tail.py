# SPDX-License-Identifier: Apache-2.0
"""`tributary tail` shows what stands in a real Kafka, filtered, and what comes while it runs."""
import json
import subprocess

from harness.gateway import BINARY, tributary
from harness.numbered import numbered
from harness.publisher import publish_all
from test_handover import Background

STREAM = """
[[stream]]
name = "all"
topics = ["factory/#"]
time = "/ts"
forward = "all"
"""


def test_what_stands_there_and_what_comes(mosquitto, make_gateway, kafka, prefix, tmp_path):
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=STREAM)
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, numbered(1_000))
    gateway.wait_drained(1_000)
    tail = lambda *words: tributary("tail", "--config", gateway.config, "--no-follow", *words, timeout=60)

    lines = [json.loads(line) for line in tail("--json", "readings", "--last", "100000").stdout.splitlines()]
    records = kafka.read(f"{prefix}.readings")
    assert [(r["partition"], r["offset"]) for r in sorted(lines, key=lambda r: (r["partition"], r["offset"]))] == \
        [(r.partition, r.offset) for r in records]
    by_id = {r.id: r for r in records}
    for line in lines:
        record = by_id[line["headers"]["tb-id"]]
        assert line["value"] == json.loads(record.value) and line["partition_key"] == record.key
        assert line["timestamp"] == record.timestamp and line["topic"] == f"{prefix}.readings"

    some = tail("--json", "--key", "factory/m1/*", "--since", "1h").stdout.splitlines()
    assert len(some) == sum(r.key.startswith("factory/m1/") for r in records) > 0
    assert len(tail("readings", "-n", "100000", "--count", "7").stdout.splitlines()) == 7
    assert tail("readings", "-n", "100000", "--gateway", "another").stdout == ""
    assert "factory/m1/s1" in tail("readings", "-n", "100000").stdout
    assert tail("readings").stdout == ""  # nothing comes

    child = subprocess.Popen([BINARY, "tail", "--config", gateway.config, "--json", "readings"], stdout=subprocess.PIPE, text=True)
    try:
        load = Background(publish_all, mosquitto.port, numbered(100, start=1_000), rate=20)  # it begins at the end, whenever it gets there
        line = json.loads(child.stdout.readline())
        load.finish(60)
        assert line["value"]["series"].startswith("factory/")
        child.terminate()
        assert child.wait(10) == 0
    finally:
        child.kill()


def test_plain_words_for_what_goes_wrong(make_gateway, kafka, prefix):
    gateway = make_gateway(mqtt_port=1)
    tail = lambda *words: tributary("tail", "--config", gateway.config, "--no-follow", *words, timeout=60)
    done = tail("no-such-topic")
    assert done.returncode == 1 and "TRB-KAFKA-005" in done.stderr and f"{prefix}.no-such-topic" in done.stderr
    done = tail("--since", "yesterday")
    assert done.returncode == 2 and "10min" in done.stderr
    done = tail("--brokers", "127.0.0.1:1")
    assert done.returncode == 1 and "TRB-KAFKA-004" in done.stderr
