# SPDX-License-Identifier: Apache-2.0
"""What a broker refuses by its own rules, among records that are well: stamps far ahead of its clock, a record too large, a topic that goes
away. Nothing gets stuck, nothing that can be delivered is not, and no restart is needed."""
import json
import pathlib
import subprocess
import time

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from harness.gateway import COUNTED_STREAM, RAW_STREAM, streams, unique_received, well
from harness.kafka import Kafka
from harness.numbered import Account, numbered
from harness.process import wait_until
from harness.publisher import publish_all
from test_clock import FAKETIME, faked

HOURS = 3_600_000
STREAMS = """
[[stream]]
name = "all"
topics = ["f/#"]
time = "/ts"
forward = "all"
"""


def readings(count, start=0, ahead_ms=0):
    now = int(time.time() * 1000)
    return [(f"f/s{i % 5}", json.dumps({"ts": now + ahead_ms, "value": i}).encode()) for i in range(start, start + count)]


def raw(status, fate):
    return streams(status).get("raw", {}).get(fate, 0)


def values(records):
    return sorted(int(json.loads(record.value)["value"]) for record in records)


def test_a_record_two_hours_ahead_among_healthy_ones(mosquitto, make_gateway, kafka, prefix, figure):
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=STREAMS)
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, readings(200) + readings(3, 200, 2 * HOURS) + readings(200, 203))
    status = gateway.wait_drained(403)
    records = kafka.read(f"{prefix}.readings")
    ahead = [record for record in records if 200 <= json.loads(record.value)["value"] < 203]
    figure("two_hours_ahead.delivered", len(records))
    figure("two_hours_ahead.refused", status["kafka"]["refused"])
    assert values(records) == list(range(403)) and status["kafka"]["refused"] == 0
    now = time.time() * 1000
    assert all(record.timestamp < now + HOURS for record in ahead)  # what the broker takes, ...
    assert all(record.timestamp > now - HOURS for record in records)
    assert all(record.headers["tb-time"] == "arrival" for record in ahead)  # and that it is not the device's is said
    assert well(status, "kafka")


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed (scripts/setup.sh)")
def test_the_gateway_itself_is_two_hours_ahead(mosquitto, make_gateway, kafka, prefix, figure, tmp_path):
    waits = tmp_path / "faked_waits.so"
    source = pathlib.Path(__file__).parent / "harness/faked_waits.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", waits, source], check=True, timeout=60)
    gateway = make_gateway(mqtt_port=mosquitto.port)
    gateway.command = [*faked("+2h"), f"LD_PRELOAD={FAKETIME}:{waits}", "FAKED_BY=7200", *gateway.command]
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, numbered(500))
    status = gateway.wait_drained(500)
    records = kafka.read(f"{prefix}.readings")
    account = Account(records, 500)
    marked = sum(record.headers.get("tb-time") == "unsynced" for record in records)
    figure("own_clock_ahead.lost", len(account.lost))
    figure("own_clock_ahead.marked", marked)
    assert account.lost == [] and account.repeated == 0 and account.reordered == 0
    assert status["kafka"]["refused"] == 0 and marked == 500


@pytest.fixture
def strict(tmp_path):
    """A broker that makes no topics by itself."""
    broker = Kafka(tmp_path / "strict")
    (broker.folder / "extra.properties").write_text("auto.create.topics.enable=false\n")
    yield broker.start()
    broker.stop()


def test_a_topic_goes_away_and_comes_back(mosquitto, make_gateway, strict, prefix, figure):
    kafka, topic = strict, f"{prefix}.readings"
    client = AdminClient({"bootstrap.servers": kafka.brokers})
    client.create_topics([NewTopic(topic, 3, 1), NewTopic(f"{prefix}.windows", 3, 1)])[topic].result(30)
    gateway = make_gateway(mqtt_port=mosquitto.port, brokers=kafka.brokers, kafka="create_topics = false", streams=RAW_STREAM + COUNTED_STREAM)
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, numbered(500))
    gateway.wait_status(lambda s: raw(s, "forwarded") == 500, 60, "the first half")
    client.delete_topics([topic])[topic].result(30)
    wait_until(lambda: topic not in client.list_topics(timeout=5).topics, 30, "a topic that is gone", every=0.2)
    pid = gateway.pid
    publish_all(mosquitto.port, numbered(500, start=500))
    gateway.wait_status(lambda s: unique_received(s) >= 1_000 and any(topic in h.get("text", "") for h in s["health"]), 60, "a word about it")
    wait_until(lambda: len(kafka.read(f"{prefix}.windows")) == 100, 60, "the other topic, not held up", every=0.5)
    client.create_topics([NewTopic(topic, 3, 1)])[topic].result(30)
    gateway.wait_status(lambda s: raw(s, "forwarded") == 1_000, 60, "the second half")
    account = Account(kafka.read(topic), 1_000)
    figure("topic_gone.lost", len([n for n in account.lost if n >= 500]))
    figure("topic_gone.refused", gateway.status()["kafka"]["refused"])
    assert gateway.pid == pid and [n for n in account.lost if n >= 500] == [] and account.reordered == 0
    assert gateway.status()["kafka"]["refused"] == 0


def test_a_record_that_is_too_large(mosquitto, make_gateway, kafka, prefix, figure):
    # 1.2 MB is more than Kafka takes by default.
    gateway = make_gateway(mqtt_port=mosquitto.port, kafka='[kafka.properties]\n"message.max.bytes" = "4000000"')
    gateway.start()
    mosquitto.wait_subscribed()
    small = list(numbered(400))
    large = ("factory/large/s0", b'{"value":1,"n":400,"fill":"%s"}' % (b"x" * 1_200_000))
    publish_all(mosquitto.port, small[:200] + [large] + small[200:])
    status = gateway.wait_status(lambda s: raw(s, "forwarded") == 400 and raw(s, "rejected") == 1, 60,
                                 "all but the large one")
    figure("too_large.refused", status["kafka"]["refused"])
    account = Account(kafka.read(f"{prefix}.readings"), 400)
    assert account.lost == [] and account.reordered == 0
    assert status["kafka"]["refused"] == 1
