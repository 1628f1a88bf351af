# SPDX-License-Identifier: Apache-2.0
"""Raw context: around each event every reading is in Kafka, once, marked; whatever was stopped or killed in between."""
import collections
import csv
import json
import sqlite3
import time

from harness.gateway import check_balanced, tributary
from harness.outputs import from_kafka, from_replay
from harness.publisher import publish_all

START_MS = 1_700_000_000_000
BEFORE_MS, AFTER_MS, MOST_MS = 30_000, 20_000, 600_000
SERIES = 5
STREAM = """
[[stream]]
name = "vibration"
topics = ["plant/+/vibration"]
series = "{2}/vibration"
time = "/ts"
forward = ["windows", "events"]
window = { size = "1min" }
context = { before = "30s", after = "20s" }

[[stream.detect]]
type = "threshold"
high = 10

[[stream.detect]]
type = "threshold"
name = "low"
low = 5
high = 1000
"""


def load(random, seconds):
    """A second of each series after the other; calm is 7, bursts are 20 (high) or 1 (low), some change in the middle.
    The last 700 seconds are calm: every range is over.
    """
    left, value = [0] * SERIES, [7] * SERIES
    for second in range(seconds):
        for i in range(SERIES):
            if left[i] > 0:
                left[i] -= 1
                if left[i] == 0:
                    value[i] = 7
                elif random.random() < 0.05:
                    value[i] = 21 - value[i]
            elif random.random() < 0.003 and second < seconds - 700:
                left[i] = min(random.choice([1, 3, 10, 40, 900]), seconds - 700 - second)  # over before the end
                value[i] = random.choice([20, 1])
            yield i, START_MS + 1000 * second, value[i]


def messages(readings):
    return [(f"plant/m{i}/vibration", json.dumps({"ts": ts, "value": value})) for i, ts, value in readings]


def spans(events):
    """event_id -> series, from, to (exclusive), the most it may have; by the records of the events alone."""
    found = {}
    for event in events:
        first = event["start"] - BEFORE_MS
        most = first + MOST_MS
        last = min(most, event["end"] + AFTER_MS + 1) if event["state"] == "closed" else most
        known = found.get(event["event_id"])
        found[event["event_id"]] = (event["series"], first, min(last, known[2]) if known else last, most)
    return found


def test_every_reading_around_events(mosquitto, make_gateway, kafka, prefix, seeded, figure):
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=STREAM, gather="50ms", store_extra='history = "0s"')
    gateway.start()
    mosquitto.wait_subscribed()
    readings = list(load(seeded, 3600))
    sent = messages(readings)
    third = len(sent) // 3
    publish_all(mosquitto.port, sent[:third], rate=2500)
    assert gateway.terminate() == 0  # a checkpoint: from now on intake is deleted behind it
    gateway.start()
    for part in (1, 2):
        # Killed with messages on their way; the rest waits at the broker.
        publish_all(mosquitto.port, sent[part * third:part * third + third // 2], rate=2500)
        time.sleep(seeded.uniform(0, 0.2))
        gateway.kill9()
        publish_all(mosquitto.port, sent[part * third + third // 2:(part + 1) * third])
        gateway.start()
    publish_all(mosquitto.port, sent[3 * third:])
    status = gateway.wait_drained(len(sent), timeout=120)
    assert gateway.terminate() == 0
    check_balanced(status)
    assert status["kafka"]["context_incomplete"] == 0
    ranges = status["ledger"]["logs"]["context"]
    assert ranges["delivered"] == ranges["appended"] > 0
    assert oldest_intake(gateway) > third // 2

    central = from_kafka(kafka, prefix, ("events", "readings"))  # the same id twice: the same bytes, counted once
    wanted = spans([record["value"] for record in central["events"]])
    assert len(wanted) > 20
    given = collections.defaultdict(dict)
    for i, ts, value in readings:
        given[f"m{i}/vibration"][ts] = value
    need = {(series, ts) for series, first, end, _ in wanted.values() for ts in given[series] if first <= ts < end}

    ids_of = collections.defaultdict(set)
    for record in central["readings"]:
        value = record["value"]
        assert value["id"] == record["headers"]["tb-id"] and value["id"].startswith("intake/")
        ids_of[value["series"], value["ts"]].add(value["id"])
        assert given[value["series"]][value["ts"]] == value["value"]
        marks = value.get("event_ids", [value["event_id"]])
        assert marks[0] == value["event_id"] and len(set(marks)) == len(marks) and ("event_ids" in value) == (len(marks) > 1)
        for mark in marks:
            assert wanted[mark][0] == value["series"]
        assert any(wanted[mark][1] <= value["ts"] < wanted[mark][3] for mark in marks), value
    got = set(ids_of)
    figure("context.events", len(wanted))
    figure("context.readings", len(got))
    figure("context.of_all_readings", round(len(got) / len(readings), 3))
    figure("context.same_id_again", len(kafka.read(f"{prefix}.readings")) - len(central["readings"]))
    two_ids = sum(len(ids) > 1 for ids in ids_of.values())
    figure("context.messages_with_two_ids", two_ids)
    assert need <= got, sorted(need - got)[:10]
    assert two_ids <= len(readings) // 100  # delivered again by the broker and not recognised
    if two_ids == 0:  # nothing came out of order then
        assert got == need, sorted(got - need)[:10]
    assert len(got) < len(readings) * 0.8


def oldest_intake(gateway):
    with sqlite3.connect(f"file:{gateway.options['store']}?mode=ro", uri=True) as store:
        return store.execute("SELECT min(seq) FROM block WHERE log = 1").fetchone()[0]


def test_messages_stay_for_an_event_that_comes_later(mosquitto, make_gateway, kafka, prefix):
    """Delivered, summed up and behind the checkpoint: without context all of it would be deleted."""
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=STREAM, gather="5ms", store_extra='history = "0s"')
    gateway.start()
    mosquitto.wait_subscribed()
    calm = [(0, START_MS + 1000 * second, 7) for second in range(1200)]
    publish_all(mosquitto.port, messages(calm), rate=600)
    gateway.wait_drained(len(calm))
    assert gateway.terminate() == 0
    gateway.start()
    others = [(1, START_MS + 1000 * second, 7) for second in range(1000)]  # many commits: time to delete
    publish_all(mosquitto.port, messages(others), rate=350)
    gateway.wait_status(lambda _: oldest_intake(gateway) > 1, 30, "some intake deleted")
    opened = calm[-1][1] + 1000
    publish_all(mosquitto.port, messages([(0, opened, 20), *((0, opened + 1000 * i, 7) for i in range(1, 60))]))
    status = gateway.wait_drained(len(calm) + len(others) + 60)
    assert status["kafka"]["context_incomplete"] == 0
    sent = [record["value"]["ts"] for record in from_kafka(kafka, prefix, ("readings",))["readings"]]
    assert sorted(sent) == list(range(opened - BEFORE_MS, opened + 1000 + AFTER_MS + 1, 1000))


def test_a_replay_of_the_store_says_the_same(mosquitto, make_gateway, kafka, prefix, seeded):
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=STREAM)
    gateway.start()
    mosquitto.wait_subscribed()
    sent = messages(load(seeded, 1500))
    publish_all(mosquitto.port, sent, rate=5000)
    gateway.wait_drained(len(sent), timeout=120)
    assert gateway.terminate() == 0

    def shown(records):  # a replay numbers messages anew
        return sorted((value["series"], value["ts"], value["value"], value["event_id"], value.get("event_ids", []))
                      for value in (record["value"] for record in records["readings"]))

    replayed = tributary("replay", "--no-flush", "--config", gateway.config, gateway.options["store"])
    assert replayed.returncode == 0, replayed.stderr
    central = shown(from_kafka(kafka, prefix, ("readings",)))
    assert central
    assert shown(from_replay(replayed.stdout, prefix, ("readings",))) == central

    # What was asked for stands in the log `context`.
    def export(*words):
        done = tributary("store", "export", "--log", "context", *words, "--store", gateway.options["store"])
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    ranges = [json.loads(line)["value"] for line in export()]
    for series, ts, _, event_id, _ in central:
        assert any(one["series"] == series and one["start"] <= ts < one["end"] and event_id in one.get("event_ids", [one.get("event_id")])
                   for one in ranges), (series, ts, event_id)
    table = list(csv.reader(export("--format", "csv")))
    assert table[0] == ["seq", "time", "topic", "key", "id", "value"] and len(table) == len(ranges) + 1
    assert [json.loads(row[-1]) for row in table[1:]] == ranges
