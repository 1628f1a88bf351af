# SPDX-License-Identifier: Apache-2.0
"""Events go back to the local broker, so that a panel or a PLC can act without the centre."""
import json
import subprocess
import time

from harness.outputs import from_kafka
from harness.process import wait_until
from harness.publisher import publish_all

STREAM = """
[[stream]]
name = "press"
topics = ["plant/+/pressure"]
series = "{2}/pressure"
time = "/ts"
forward = "events"

[[stream.detect]]
type = "threshold"
high = 80
"""
START_MS = 1_600_000_000_000


def swings(first, count):
    """Every second message is too high: each makes an event open or closed."""
    return [("plant/m1/pressure", json.dumps({"ts": START_MS + 1000 * i, "value": 95 if i % 2 else 10}))
            for i in range(first, first + count)]


class Panel:
    """Another client of the broker: mosquitto_sub with a session that stays."""

    def __init__(self, port, folder):
        self.path = folder / "panel.txt"
        self.file = open(self.path, "w")
        self.process = subprocess.Popen(["mosquitto_sub", "-p", str(port), "-t", "tributary/line1/events/#", "-q", "1",
                                         "-c", "-i", "panel", "-F", "%t %p"], stdout=self.file)

    def seen(self):
        lines = self.path.read_text().splitlines()
        return [(topic, json.loads(payload)) for topic, payload in (line.split(" ", 1) for line in lines)]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.file.close()


def key(value):
    return value["event_id"], value["state"]


def test_events_reach_the_floor(mosquitto, make_gateway, kafka, prefix, tmp_path, figure):
    panel = Panel(mosquitto.port, tmp_path)
    try:
        wait_until(lambda: "panel" in mosquitto.log(), 10, "panel at the broker")
        gateway = make_gateway(mqtt_port=mosquitto.port, streams=STREAM, mqtt='events_topic = "tributary/line1/events"')
        gateway.start()
        mosquitto.wait_subscribed(more_than=1)
        sent = 0
        for part in range(4):
            publish_all(mosquitto.port, swings(sent, 100))
            sent += 100
            if part in (1, 2):
                time.sleep(0.3)
                gateway.kill9()
                gateway.start()
        gateway.wait_drained(sent)
        central = [record["value"] for record in from_kafka(kafka, prefix)["events"]]
        wanted = {key(value) for value in central}
        wait_until(lambda: {key(value) for _, value in panel.seen()} >= wanted, 30, "all events at the panel")
        # After a kill it may have to connect again although there is nothing more to say.
        gateway.wait_status(lambda s: s["mqtt"]["events"]["connected"], 20, "connection for events")
        assert gateway.status()["mqtt"]["events"]["topic"] == "tributary/line1/events"
        assert gateway.terminate() == 0
    finally:
        panel.stop()
    seen = panel.seen()
    figure("events_to_mqtt.events", len(wanted))
    figure("events_to_mqtt.again_after_kill", len(seen) - len(wanted))
    assert len(wanted) > 300
    assert {key(value) for _, value in seen} == wanted
    assert {topic for topic, _ in seen} == {"tributary/line1/events/m1/pressure"}
    # In order but for repeats: the first sight of each event follows the one before it.
    first = list(dict.fromkeys(key(value) for _, value in seen))
    times = {key(value): (value["start"], value["state"] == "closed") for _, value in seen}
    assert [times[k] for k in first] == sorted(times[k] for k in first)


def test_what_was_before_is_not_told(mosquitto, make_gateway, tmp_path):
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=STREAM)
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, swings(0, 20))
    gateway.wait_drained(20)
    assert gateway.terminate() == 0
    panel = Panel(mosquitto.port, tmp_path)
    try:
        gateway.configure(streams=STREAM, mqtt='events_topic = "tributary/line1/events"')
        gateway.start()
        publish_all(mosquitto.port, swings(20, 10))
        wait_until(lambda: len(panel.seen()) >= 10, 20, "the new events")
        assert gateway.terminate() == 0
    finally:
        panel.stop()
    assert min(value["start"] for _, value in panel.seen()) >= START_MS + 19_000
