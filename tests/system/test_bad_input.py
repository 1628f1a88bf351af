# SPDX-License-Identifier: Apache-2.0
"""What sensors should not send: into the dead log by reason, and the good messages around it unharmed."""
import base64
import collections
import hashlib
import json
import time

import pytest

from harness.gateway import streams, tributary
from harness.publisher import publish_all

STREAMS = """
[[stream]]
name = "temperature"
topics = ["factory/+/temperature"]
series = "{2}/temperature"
format = "json"
value = "/value"
time = "/ts"
forward = "all"
"""

HOUR_MS = 3_600_000
MIB = 1 << 20


def good(number, ts):
    return json.dumps({"ts": ts, "value": number})


# name -> payload; every one of them is dead.
BAD = {
    "wrong type": b'{"ts":1700000000000,"value":[1]}',
    "object for a value": b'{"ts":1700000000000,"value":{"a":1}}',
    "missing value": b'{"ts":1700000000000}',
    "missing time": b'{"value":1}',
    "NaN": b'{"ts":1700000000000,"value":NaN}',
    "overflow": b'{"ts":1700000000000,"value":1e999}',
    "broken UTF-8": b'{"ts":1700000000000,"value":1,"x":"\xc3\x28"}',
    "NUL bytes": b"\x00\x00\x00\x00",
    "NUL inside": b'{"ts":1700000000000,"value":1}\x00',
    "empty": b"",
    "cut off": b'{"ts":1700000000000,"va',
    "deep": b"[" * 200_000,
    "one MiB": b'{"ts":1700000000000,"value":1,"pad":"' + b"x" * MIB + b'"}',
}


def test_bad_messages_are_dead_by_reason(mosquitto, make_gateway, kafka, prefix, figure):
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=STREAMS)
    gateway.start()
    mosquitto.wait_subscribed()
    now = int(time.time() * 1000)
    messages = []
    for number, payload in enumerate(BAD.values()):
        messages.append(("factory/a/temperature", good(2 * number, now + 2 * number)))
        messages.append(("factory/a/temperature", payload))
        messages.append(("factory/a/temperature", good(2 * number + 1, now + 2 * number + 1)))
    publish_all(mosquitto.port, messages)
    status = gateway.wait_drained(len(messages))
    dead = [json.loads(record.value) for record in kafka.read(f"{prefix}.dead")]
    by_digest = {letter["sha256"]: letter for letter in dead}
    assert [name for name, payload in BAD.items() if hashlib.sha256(payload).hexdigest() not in by_digest] == []
    assert len(dead) == len(BAD) == streams(status)["temperature"]["rejected"]
    readings = [json.loads(record.value) for record in kafka.read(f"{prefix}.readings")]
    assert [reading["value"] for reading in readings] == list(range(2 * len(BAD)))
    assert [reading["ts"] for reading in readings] == [now + n for n in range(2 * len(BAD))]
    assert {reading["series"] for reading in readings} == {"a/temperature"}

    for name, payload in BAD.items():
        letter = by_digest[hashlib.sha256(payload).hexdigest()]
        assert letter["reason"], name
        assert letter["size"] == len(payload), name
        assert letter["topic"] == "factory/a/temperature", name
        assert base64.b64decode(letter["payload"]) == payload[: 64 * 1024], name
    for reason, count in sorted(collections.Counter(letter["reason"] for letter in dead).items()):
        figure(f"bad_input.dead.{reason}", count)
    assert by_digest[hashlib.sha256(BAD["missing value"]).hexdigest()]["reason"] == "missing-field"
    assert by_digest[hashlib.sha256(BAD["wrong type"]).hexdigest()]["reason"] == "wrong-type"
    assert by_digest[hashlib.sha256(BAD["broken UTF-8"]).hexdigest()]["reason"] == "utf8"


def test_topic_that_no_stream_wants(mosquitto, make_gateway, kafka, prefix):
    """The stream goes while nobody listens; what mosquitto kept for the old filter comes at the next start."""
    other = STREAMS + '\n[[stream]]\nname = "other"\ntopics = ["office/#"]\nforward = "all"\n'
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=other)
    gateway.start()
    mosquitto.wait_subscribed(more_than=1)
    assert gateway.terminate() == 0
    now = int(time.time() * 1000)
    publish_all(mosquitto.port, [("office/x", good(7, now)), ("factory/a/temperature", good(8, now))])
    gateway.configure(streams=STREAMS)
    gateway.start()
    status = gateway.wait_drained(2)
    dead = [json.loads(record.value) for record in kafka.read(f"{prefix}.dead")]
    assert [(letter["topic"], letter["reason"]) for letter in dead] == [("office/x", "no-stream")]
    assert [json.loads(record.value)["value"] for record in kafka.read(f"{prefix}.readings")] == [8]
    assert streams(status)["temperature"]["forwarded"] == 1


def test_impossible_stamps_are_replaced_and_counted(mosquitto, make_gateway, kafka, prefix, figure):
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=STREAMS)
    gateway.start()
    mosquitto.wait_subscribed()
    now = int(time.time() * 1000)
    stamps = {"1970": 1000, "2099": 4_070_908_800_000, "ahead": now + 2 * HOUR_MS, "right": now, "old": now - 400 * 24 * HOUR_MS}
    publish_all(mosquitto.port, [(f"factory/{name}/temperature", good(1, ts)) for name, ts in stamps.items()])
    status = gateway.wait_drained(len(stamps))
    records = {record.key: record for record in kafka.read(f"{prefix}.readings")}
    assert set(records) == {f"{name}/temperature" for name in stamps}
    for name, ts in stamps.items():
        record = records[f"{name}/temperature"]
        if name in ("right", "old"):
            assert record.timestamp == ts
            assert "tb-time" not in record.headers
        else:
            assert record.headers["tb-time"] == "arrival"
            assert now - 5000 < json.loads(record.value)["ts"] < now + 60_000
    figure("bad_input.stamps_replaced", status["engine"]["stamp_replaced"])
    assert status["engine"]["stamp_replaced"] == 3
    assert kafka.read(f"{prefix}.dead") == []


@pytest.mark.parametrize("text, line, column, word", [
    ("[gateway]\nid = \"a\"\n[mqtt]\nurl = \"mqtt://127.0.0.1\"\n[kafka]\nbrokers = \"x:1\"\nprefixx = \"t\"\n", 7, 1, "prefix"),
    ("[gateway]\nid = \"a\n", 2, None, ""),
    ("[[stream]]\nname = \"a\"\ntopics = [\"x\"]\nwindow = { size = \"ten\" }\n", 4, None, ""),
])
def test_configuration_error_names_the_place(tmp_path, text, line, column, word):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    for command in ("run", "check"):
        done = tributary(command, "--config", path)
        said = done.stdout + done.stderr
        assert done.returncode == 2, (command, done)
        assert f"{path}:{line}:" + (f"{column}" if column else "") in said, (command, said)
        assert word in said
