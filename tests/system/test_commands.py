# SPDX-License-Identifier: Apache-2.0
"""Mutes and acknowledgements from the floor, by MQTT, over kills; what the default detector costs by `status`."""
import json

from harness.outputs import from_kafka
from harness.process import wait_until
from harness.publisher import publish_all

STREAM = """
[events]
commands_topic = "tributary/line1/commands"

[[stream]]
name = "press"
topics = ["plant/+/pressure", "tributary/+/commands"]
series = "{2}/pressure"
time = "/ts"
forward = "events"

[[stream.detect]]
type = "threshold"
high = 80
"""
AUTO = """
[[stream]]
name = "auto"
topics = ["auto/+"]
time = "/ts"
forward = "events"
[[stream.detect]]
type = "auto"
"""
START_MS = 1_600_000_000_000
COMMANDS = "tributary/line1/commands"


def swing(machine, i):
    return [(f"plant/{machine}/pressure", json.dumps({"ts": START_MS + 1000 * (2 * i + high), "value": 95 if high else 10}))
            for high in (1, 0)]


def events(kafka, prefix, machine):
    return [r["value"] for r in from_kafka(kafka, prefix, ("events",))["events"] if r["value"]["series"] == f"{machine}/pressure"]


def test_commands_by_mqtt(mosquitto, make_gateway, kafka, prefix, figure):
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=STREAM)
    gateway.start()
    mosquitto.wait_subscribed()
    sent = publish_all(mosquitto.port, swing("m1", 0) + swing("m2", 0))
    sent += publish_all(mosquitto.port, [(COMMANDS, '{"mute": "m1/#", "for": "1h"}'), *swing("m1", 1), *swing("m2", 1)])
    gateway.wait_drained(sent)
    assert gateway.status()["engine"]["mutes"] == 1
    gateway.kill9()
    gateway.start()
    sent += publish_all(mosquitto.port, [*swing("m1", 2), *swing("m2", 2), (COMMANDS, '{"unmute": "m1/#"}'), *swing("m1", 3)])
    gateway.wait_drained(sent)
    told = events(kafka, prefix, "m1")
    assert [(e["state"], (e["start"] - START_MS) // 2000) for e in told] == [
        ("open", 0), ("closed", 0), ("open", 3), ("closed", 3)]
    assert len(events(kafka, prefix, "m2")) == 6

    newest = told[-1]["event_id"]
    sent += publish_all(mosquitto.port, [(COMMANDS, json.dumps({"acknowledge": newest, "by": "shift lead"})),
                                         (COMMANDS, '{"acknowledge": "0123456789abcdef", "by": "nobody"}'), (COMMANDS, "mute!")])
    seen = wait_until(lambda: [e for e in events(kafka, prefix, "m1") if "acknowledged_by" in e], 30, "the acknowledgement")
    assert [(e["event_id"], e["state"], e["acknowledged_by"]) for e in seen] == [(newest, "closed", "shift lead")]
    gateway.wait_drained(sent)
    dead = [r["value"] for r in from_kafka(kafka, prefix, ("dead",))["dead"]]
    assert [letter["reason"] for letter in dead] == ["command", "command"]
    figure("commands.events", len(told))
    assert gateway.terminate() == 0


def test_bytes_of_the_default_detector(mosquitto, make_gateway, figure):
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=AUTO)
    gateway.start()
    mosquitto.wait_subscribed()
    messages = [(f"auto/{i % 2000}", json.dumps({"ts": START_MS + i, "value": i % 7})) for i in range(10_000)]
    gateway.wait_drained(publish_all(mosquitto.port, messages))
    engine = gateway.status()["engine"]
    figure("detector_bytes_a_series", engine["detector_bytes_a_series"])
    assert engine["detector_bytes"] == 2000 * 512
    assert engine["detector_bytes_a_series"] <= 512
    assert gateway.terminate() == 0
