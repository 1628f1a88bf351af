# SPDX-License-Identifier: Apache-2.0
"""From a sensor's message to windows and events in Kafka; start, stop, reload, and what is broken around it."""
import csv
import datetime
import json
import os
import sqlite3
import subprocess
import time

import pytest

from harness.gateway import BINARY, Gateway, check_balanced, tributary, unique_received, well
from harness.mosquitto import DEBIAN_DEFAULTS, password_listener, tls_listener
from harness.numbered import Account, numbered
from harness.outputs import from_kafka, from_replay
from harness.process import free_port, wait_until
from harness.publisher import publish_all

METRICS = """
[[stream]]
name = "metrics"
topics = ["nab/+"]
series = "{2}"
format = "json"
time = "/ts"
window = { size = "1h", lateness = "5min", idle = "30d" }

[[stream.detect]]
type = "ewma"
span = 50
limit = 4

[[stream.detect]]
type = "threshold"
high = 80

[[stream.detect]]
type = "auto"
"""

SCORES = """
[gateway]
id = "line1"
[[stream]]
name = "metrics"
topics = ["+/value"]
series = "{1}"
forward = "events"
[[stream.detect]]
type = "auto"
"""

NAB_FILES = ["realAWSCloudwatch/ec2_cpu_utilization_24ae8d.csv", "realKnownCause/ambient_temperature_system_failure.csv",
             "realTraffic/speed_7578.csv"]


def nab_messages(folder):
    """Real metrics as messages, stamped ten years ago."""
    for name in NAB_FILES:
        with open(folder / name, newline="") as file:
            for row in csv.DictReader(file):
                at = datetime.datetime.fromisoformat(row["timestamp"]).replace(tzinfo=datetime.timezone.utc)
                payload = json.dumps({"ts": int(at.timestamp() * 1000), "value": float(row["value"])})
                yield f"nab/{name.split('/')[1].removesuffix('.csv')}", payload


def test_live_equals_replay(mosquitto, make_gateway, kafka, prefix, nab, tmp_path, figure):
    messages = list(nab_messages(nab))
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=METRICS)
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, messages)
    status = gateway.wait_drained(len(messages))
    figure("end_to_end.nab_messages", len(messages))
    assert unique_received(status) == len(messages)

    recorded = tmp_path / "recorded.jsonl"
    now = int(time.time() * 1000)
    recorded.write_text("".join(json.dumps({"topic": topic, "payload": payload, "arrival": now + i}) + "\n"
                                for i, (topic, payload) in enumerate(messages)))
    done = tributary("replay", "--config", gateway.config, "--no-flush", recorded)
    assert done.returncode == 0, done.stderr
    live, replayed = from_kafka(kafka, prefix), from_replay(done.stdout, prefix)
    for log in live:
        figure(f"end_to_end.nab_{log}", len(live[log]))
        assert len(live[log]) > 20, log
        assert live[log] == replayed[log], log
    same_scores(live["events"], nab, tmp_path, figure)


def same_scores(events, nab, folder, figure):
    """Each alarm of `auto` that Kafka got stands in `replay --scores` of the files, to the last bit of its score."""
    config = folder / "scores.toml"
    config.write_text(SCORES)
    done = tributary("replay", "--config", config, "--scores", folder / "scores", "-o", os.devnull, *[nab / n for n in NAB_FILES])
    assert done.returncode == 0, done.stderr
    onsets = {}
    for name in NAB_FILES:
        with open(folder / "scores" / name, newline="") as file:
            for row in csv.DictReader(file):
                if float(row["anomaly_score"]) >= 0.5:  # an event opened
                    at = datetime.datetime.fromisoformat(row["timestamp"]).replace(tzinfo=datetime.timezone.utc)
                    onsets[name.split("/")[1].removesuffix(".csv"), int(at.timestamp() * 1000)] = float(row["anomaly_score"])
    opened = {(e["value"]["series"], e["value"]["start"]): e["value"]["score"]
              for e in events if e["value"]["detector"] == "auto" and e["value"]["state"] == "open"}
    figure("end_to_end.nab_auto_alarms", len(opened))
    assert len(opened) > 10
    assert opened == onsets


@pytest.mark.parametrize("kind", ["tls", "mutual-tls", "password"])
def test_secured_broker(kind, make_mosquitto, make_gateway, kafka, prefix, request, tmp_path):
    if kind == "password":
        broker = make_mosquitto(DEBIAN_DEFAULTS, password_listener(tmp_path, "gw", "secret word"))
        secret = tmp_path / "secret"
        secret.write_text("secret word\n")
        options = {"mqtt_port": broker.port, "mqtt": f'username = "gw"\npassword_file = "{secret}"'}
        sender = {"user": "gw", "password": "secret word"}
    else:
        folder = request.getfixturevalue("certificates")
        broker = make_mosquitto(DEBIAN_DEFAULTS, tls_listener(folder, kind == "mutual-tls"))
        ours = f', cert = "{folder}/client.pem", key = "{folder}/client.key"' if kind == "mutual-tls" else ""
        options = {"url": f"mqtts://localhost:{broker.port}", "mqtt": f'tls = {{ ca = "{folder}/ca.pem"{ours} }}'}
        sender = {"certificates": folder}
    gateway = make_gateway(**options)
    gateway.start()
    broker.wait_subscribed()
    publish_all(broker.port, numbered(500), **sender)
    gateway.wait_drained(500)
    account = Account(kafka.read(f"{prefix}.readings"), 500)
    assert account.lost == [] and account.records == 500
    log = gateway.log()
    assert "secret word" not in log


def test_wrong_certificate_and_password_are_said(make_mosquitto, make_gateway, certificates, tmp_path):
    broker = make_mosquitto(DEBIAN_DEFAULTS, password_listener(tmp_path, "gw", "right"))
    gateway = make_gateway(mqtt_port=broker.port, mqtt='username = "gw"\npassword = "wrong"')
    gateway.start()
    gateway.wait_status(lambda s: not well(s, "mqtt"), 20, "degraded mqtt")
    assert '"wrong"' not in json.dumps(gateway.status()) + gateway.log()
    assert gateway.terminate() == 0

    secured = make_mosquitto(DEBIAN_DEFAULTS, tls_listener(certificates, False))
    trusting_nobody = make_gateway("other", url=f"mqtts://localhost:{secured.port}")
    trusting_nobody.start()
    trusting_nobody.wait_status(lambda s: not well(s, "mqtt"), 20, "degraded mqtt")
    assert secured.subscriptions() == 0


def test_clean_stop_and_restart_repeat_nothing(mosquitto, make_gateway, kafka, prefix, figure):
    gateway = make_gateway(mqtt_port=mosquitto.port)
    count, slowest = 0, 0.0
    for _ in range(4):
        gateway.start()
        mosquitto.wait_subscribed()
        publish_all(mosquitto.port, numbered(3000, start=count))
        count += 3000
        began = time.monotonic()
        assert gateway.terminate(timeout=15) == 0
        slowest = max(slowest, time.monotonic() - began)
    figure("end_to_end.slowest_clean_stop_s", round(slowest, 2))
    gateway.start()
    gateway.wait_drained(count)
    account = Account(kafka.read(f"{prefix}.readings"), count)
    assert (account.lost, account.records, account.reordered) == ([], count, 0)


def test_the_centre_hears_of_the_gateway(mosquitto, make_gateway, kafka, prefix):
    """The compacted status topic: one key a gateway, the newest word is whole and its books balance."""
    gateway = make_gateway(mqtt_port=mosquitto.port)
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, numbered(50))
    gateway.wait_drained(50)
    def connected():
        records = kafka.read(f"{prefix}.status")
        heard = {state["component"] for record in records[-1:] for state in json.loads(record.value)["health"]}
        return records if {"kafka", "mqtt", "store"} <= heard else None

    records = wait_until(connected, 20, "word of a connected gateway in the status topic")
    newest = json.loads(records[-1].value)
    assert {record.key for record in records} == {newest["gateway"]}
    assert newest["id"] == records[-1].headers["tb-id"]
    assert newest["version"] and len(newest["config_hash"]) == 16
    for account in newest["ledger"]["streams"].values():
        assert account["received"] == sum(account.values()) - account["received"]


def test_reload_good_and_bad(mosquitto, make_gateway, kafka, prefix):
    gateway = make_gateway(mqtt_port=mosquitto.port)
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, numbered(10))
    gateway.wait_drained(10)

    gateway.configure(streams='[[stream]]\nname = "broken"\ntopics = 7\n')
    gateway.reload()
    wait_until(lambda: f"{gateway.config}:" in gateway.log(), 10, "complaint about the new configuration")
    publish_all(mosquitto.port, numbered(10, start=10))
    gateway.wait_drained(20)  # the old one still works

    before = mosquitto.subscriptions()
    more = '[[stream]]\nname = "raw"\ntopics = ["factory/#", "office/#"]\nforward = "raw"\n'
    gateway.configure(streams=more)
    gateway.reload()
    mosquitto.wait_subscribed(more_than=before)
    publish_all(mosquitto.port, [("office/1", '{"n":20}')])
    gateway.wait_drained(21)
    account = Account(kafka.read(f"{prefix}.readings"), 21)
    assert (account.lost, account.records) == ([], 21)


def test_starts_with_both_ends_down(make_mosquitto, make_gateway, kafka, prefix, mosquitto):
    mosquitto.stop()
    gateway = make_gateway(mqtt_port=mosquitto.port)
    with kafka.away():
        gateway.start()
        status = gateway.wait_status(lambda s: not well(s, "mqtt") and not well(s, "kafka"), 20, "both ends degraded")
        assert all(entry["ok"] or entry["text"] for entry in status["health"])
        mosquitto.start()
        mosquitto.wait_subscribed(timeout=60)
        publish_all(mosquitto.port, numbered(2000))
        gateway.wait_status(lambda s: unique_received(s) == 2000, 20, "2000 messages on disk")
        check_balanced(gateway.status())
    gateway.wait_drained(2000)
    gateway.wait_status(lambda s: well(s, "mqtt") and well(s, "kafka") and well(s, "store"), 20, "good health")
    account = Account(kafka.read(f"{prefix}.readings"), 2000)
    assert (account.lost, account.records, account.reordered) == ([], 2000, 0)


def test_store_that_cannot_be_opened_is_not_the_end(mosquitto, make_gateway, kafka, prefix, tmp_path):
    """A path that cannot be written: degraded, nothing acknowledged, retried until it can."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    gateway = make_gateway(mqtt_port=mosquitto.port, store=blocked / "store.db")
    gateway.start()
    gateway.wait_status(lambda s: not well(s, "store"), 20, "degraded store")
    assert gateway.alive()
    blocked.unlink()
    blocked.mkdir()
    gateway.wait_status(lambda s: well(s, "store"), 60, "store in good health")
    mosquitto.wait_subscribed(timeout=30)
    publish_all(mosquitto.port, numbered(100))
    gateway.wait_drained(100)
    assert Account(kafka.read(f"{prefix}.readings"), 100).lost == []


def test_second_gateway_on_the_same_store_is_refused(mosquitto, make_gateway, tmp_path):
    first = make_gateway(mqtt_port=mosquitto.port)
    first.start()
    mosquitto.wait_subscribed()
    second = make_gateway("second", mqtt_port=mosquitto.port, store=first.options["store"], gateway_id="line2")
    second.start(wait=False)
    seen = wait_until(lambda: not second.alive() or "TRB-STORE-003" in second.log(), 20, "refusal")
    assert seen and "TRB-STORE-003" in second.log()
    if not second.alive():
        assert second.process.returncode != 0
    assert well(first.status(), "store")


def test_store_of_a_newer_version_stays_untouched(mosquitto, make_gateway, kafka):
    gateway = make_gateway(mqtt_port=mosquitto.port)
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, numbered(10))
    gateway.wait_drained(10)
    assert gateway.terminate() == 0
    path = gateway.options["store"]
    with sqlite3.connect(path) as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        database.execute(f"PRAGMA user_version = {version + 1000}")
    database.close()
    before = path.read_bytes()
    gateway.start(wait=False)
    assert gateway.process.wait(timeout=20) == 3
    assert path.read_bytes() == before
    assert "TRB-STORE-001" in gateway.log()


def test_damaged_store_is_set_aside(mosquitto, make_gateway, kafka, prefix):
    gateway = make_gateway(mqtt_port=mosquitto.port)
    gateway.options["store"].write_bytes(os.urandom(100_000))
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, numbered(100))
    gateway.wait_drained(100)
    assert Account(kafka.read(f"{prefix}.readings"), 100).lost == []
    assert list(gateway.folder.glob("store.db.damaged-*"))


def test_check_and_version(tmp_path, mosquitto, kafka):
    gateway = Gateway(tmp_path / "g", mqtt_port=mosquitto.port, brokers=kafka.brokers)
    assert tributary("check", "--config", gateway.config).returncode == 0
    online = tributary("check", "--online", "--config", gateway.config)
    assert online.returncode == 0, online.stdout + online.stderr
    gateway.configure(brokers=f"127.0.0.1:{free_port()}")
    assert tributary("check", "--online", "--config", gateway.config).returncode == 1
    assert tributary("version").returncode == 0
    assert tributary("no-such-command").returncode == 2
    assert tributary("status", "--socket", tmp_path / "nobody.sock").returncode == 1
    gateway.stop()


def test_nothing_but_system_libraries_is_needed():
    """The binary starts with nothing but what Debian's packages bring."""
    done = subprocess.run(["ldd", BINARY], capture_output=True, text=True, timeout=20, check=True)
    assert "not found" not in done.stdout
