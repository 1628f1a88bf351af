# SPDX-License-Identifier: Apache-2.0
"""The detector `missing` where it is hard: the gateway is killed and stays away for longer than the sensors may."""
import json
import time

from harness.outputs import from_kafka
from harness.process import wait_until
from harness.publisher import publish_all

SENSORS = 20
STREAMS = """
[[stream]]
name = "sensors"
topics = ["plant/+"]
time = "/ts"
forward = "events"
[[stream.detect]]
type = "missing"
after = "4s"
"""


def publish(port, sensors, seconds):
    for _ in range(seconds * 2):
        stamp = round(time.time() * 1000)
        publish_all(port, [(f"plant/s{i}", json.dumps({"ts": stamp, "value": i})) for i in sensors])
        time.sleep(0.5)


def test_no_storm_after_a_kill_and_who_stays_away_is_found(mosquitto, make_gateway, kafka, prefix):
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=STREAMS)
    gateway.start()
    publish(mosquitto.port, range(SENSORS), 3)
    gateway.kill9()
    time.sleep(6)  # nobody sends either
    gateway.start()
    publish(mosquitto.port, range(1, SENSORS), 6)
    heard_until = time.time() * 1000
    wait_until(lambda: from_kafka(kafka, prefix, ["events"])["events"], 20, "an event", every=0.5)
    events = [record["value"] for record in from_kafka(kafka, prefix, ["events"])["events"]]
    silent = [event for event in events if event["state"] == "open" and event["series"] == "plant/s0"]
    assert len(silent) == 1 and silent[0]["kind"] == "missing", events
    # The others were heard until the end: what is said of them is about the time behind that.
    assert all(event["start"] >= heard_until for event in events if event["series"] != "plant/s0"), events
    gateway.terminate()
