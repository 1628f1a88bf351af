# SPDX-License-Identifier: Apache-2.0
"""`tributary dead` and `replay --send`, with a real broker and a real Kafka: what could not be decoded is looked at, mended,
taken in again; what Kafka refused is sent again with its id; a range of history is sent once more and nothing else changes."""
import collections
import json
import signal
import sqlite3
import subprocess
import time

from confluent_kafka.admin import AdminClient, NewTopic

from harness.gateway import BINARY, check_balanced, pending, streams, tributary, unique_received
from harness.numbered import numbered
from harness.process import free_port, wait_until
from harness.publisher import publish_all

TEMPERATURE = """
[[stream]]
name = "temperature"
topics = ["factory/+/temperature"]
format = "json"
value = "{}"
forward = "all"
"""


class Box:
    """The commands, for one gateway."""

    def __init__(self, gateway):
        self.gateway = gateway

    def dead(self, *words, code=0):
        more = ["--socket", self.gateway.socket] if words[0] in ("retry", "purge") else []
        done = tributary("dead", *words, *more, "--config", self.gateway.config)
        assert done.returncode == code, (words, done)
        return done

    def letters(self, *words):
        return {letter["letter"]: letter for letter in json.loads(self.dead("ls", "--json", *words).stdout)["letters"]}

    def left(self, *words, code=1):
        return {one["letter"]: one["code"] for one in json.loads(self.dead("retry", "--json", *words, code=code).stdout)["left"]}


def test_dead_letters_from_the_first_look_to_the_purge(mosquitto, make_gateway, kafka, prefix, figure):
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=TEMPERATURE.format("/value"))
    gateway.start()
    mosquitto.wait_subscribed()
    long_one = json.dumps({"v": 6, "pad": "x" * 100_000})
    payloads = [json.dumps({"v": n}) for n in range(6)] + [long_one, "{broken", json.dumps({"value": 100})]
    publish_all(mosquitto.port, [(f"factory/m{n}/temperature", payload) for n, payload in enumerate(payloads)])
    gateway.wait_drained(len(payloads))
    box = Box(gateway)

    letters = box.letters()
    assert list(letters) == [f"dead/{n}" for n in range(1, 9)]
    assert letters["dead/1"]["reason"] == "missing-field" and letters["dead/8"]["reason"] == "json"
    assert "payload" not in letters["dead/1"] and letters["dead/7"]["size"] == len(long_one)
    text = box.dead("ls", "--limit", 3).stdout
    assert text.count("\ndead/") == 3 and text.index("dead/6") < text.index("dead/8") and "--limit 0" in text
    shown = box.dead("show", 1, "dead/8").stdout
    assert '{"v": 0}' in shown and "{broken" in shown and "mend `value`" in shown and "factory/m7/temperature" in shown
    assert "7b 22 76 22" in box.dead("show", 1, "--hex").stdout
    whole = json.loads(box.dead("show", 7, "--json").stdout)
    assert whole["whole"] and whole["payload"] == long_one

    # Nothing is mended yet: nothing comes in again.
    assert set(box.left("--all").values()) == {"TRB-DEAD-004"} and len(box.letters()) == 8
    assert unique_received(gateway.status()) == len(payloads)
    assert "TRB-DEAD-001" in box.dead("retry", 77, code=1).stderr and "TRB-DEAD-001" in box.dead("show", "x/1", code=1).stderr
    assert "--all" in box.dead("retry", code=2).stderr

    gateway.configure(streams=TEMPERATURE.format("/v"))
    gateway.reload()
    wait_until(lambda: "new configuration in force" in gateway.log(), 10, "new configuration")
    done = box.dead("retry", 2)
    assert done.stdout.startswith("1 messages taken in again") and "dead/2" not in box.letters()
    assert box.left("--all") == {"dead/8": "TRB-DEAD-004"} and list(box.letters()) == ["dead/8"]
    status = gateway.wait_drained(len(payloads) + 7)
    assert streams(status)["temperature"]["forwarded"] == 8 and streams(status)["temperature"]["rejected"] == 8

    def values():
        return sorted(json.loads(record.value)["value"] for record in kafka.read(f"{prefix}.readings"))

    assert values() == [0, 1, 2, 3, 4, 5, 6, 100]
    assert len(kafka.read(f"{prefix}.dead")) == 8

    # What was done with outlives the gateway, and without one letters can be looked at and purged, and no more.
    gateway.kill9()
    assert list(box.letters()) == ["dead/8"]
    assert box.left("--all") == {"dead/8": "TRB-DEAD-002"}
    gateway.start()
    wait_until(lambda: gateway.status()["mqtt"]["connected"], 20, "connection")
    publish_all(mosquitto.port, [("factory/m1/temperature", "{also broken")])
    gateway.wait_drained(len(payloads) + 8)
    assert len(box.letters()) == 2
    assert box.dead("purge", 8).stdout == "1 letters purged\n"
    assert list(box.letters()) == ["dead/9"]
    other = box.gateway.config.with_name("other.toml")
    other.write_text(gateway.config.read_text().replace("store.db", "other.db"))
    wrong = tributary("dead", "purge", "--all", "--config", other, "--socket", gateway.socket)
    assert wrong.returncode == 1 and "other.db" in wrong.stderr, wrong
    assert gateway.terminate() == 0
    assert box.dead("purge", "--all").stdout == "1 letters purged\n"
    assert box.dead("ls").stdout == "no letters\n"
    overview = json.loads(tributary("store", "ls", "--json", "--config", gateway.config).stdout)
    assert overview["logs"]["dead"]["records"] == 0 and overview["logs"]["dead"]["next_seq"] == 10
    gateway.start()
    status = gateway.wait_status(lambda s: pending(s) == 0, 20, "a gateway as before")
    check_balanced(status)
    assert len(kafka.read(f"{prefix}.dead")) == 9  # and nothing was sent again
    figure("dead.taken_in_again", 7)


def test_what_kafka_refused_goes_again_with_its_id(mosquitto, make_gateway, kafka, prefix):
    topic = NewTopic(f"{prefix}.readings", 6, 1, config={"max.message.bytes": "4000000"})
    admin = AdminClient({"bootstrap.servers": kafka.brokers})
    for made in admin.create_topics([topic]).values():
        made.result(30)
    blobs = '[[stream]]\nname = "blobs"\ntopics = ["blob/#"]\nforward = "raw"\n'
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=blobs)
    gateway.start()
    mosquitto.wait_subscribed()
    blob = b"\x00" + b"b" * 1_200_000
    publish_all(mosquitto.port, [("blob/1", b"small"), ("blob/2", blob), ("blob/3", b"small too")])
    gateway.wait_status(lambda s: s["kafka"]["refused"] == 1 and s["kafka"]["delivered"] >= 2, 60, "refused record")
    box = Box(gateway)
    wait_until(lambda: box.letters("--log", "refused"), 10, "letter of the refused record")
    letter = box.letters()["refused/1"]
    assert letter["code"] == "MSG_SIZE_TOO_LARGE" and letter["key"] == "blob/2" and letter["size"] == len(blob)
    shown = json.loads(box.dead("show", "refused/1", "--json").stdout)
    assert shown["whole"] and "message.max.bytes" in shown["advice"]
    assert "blob/2" in box.dead("ls").stdout
    assert box.left("refused/1") == {"refused/1": "TRB-DEAD-008"} and box.letters()

    gateway.options["kafka"] = 'properties = { "message.max.bytes" = "4000000" }'
    gateway.configure()  # of the commands; the gateway runs on with what it has
    assert box.dead("retry", "--all").stdout == "0 messages taken in again, 1 records delivered, 0 letters left\n"
    records = {record.key: record for record in kafka.read(f"{prefix}.readings")}
    assert records["blob/2"].value == blob and records["blob/2"].id == shown["id"]
    assert "tb-replay" not in records["blob/2"].headers
    assert box.dead("ls").stdout == "no letters\n"
    assert streams(gateway.status())["blobs"] | {"rejected": 1, "forwarded": 2, "pending": 0} == streams(gateway.status())["blobs"]


def test_a_range_of_history_once_more(mosquitto, make_gateway, kafka, prefix, tmp_path, figure):
    """Beside a gateway whose producer is transactional, which must not be shut out."""
    count = 3000
    history = '[[stream]]\nname = "all"\ntopics = ["factory/#"]\ntime = "/ts"\nforward = ["all", "windows"]\nwindow = { size = "1s", idle = "1h" }\n'
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=history, kafka='delivery = "exactly-once"', gather="50ms")
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, numbered(count), rate=2000)
    publish_all(mosquitto.port, [("factory/m1/s1", '{"value": "no time"}')])
    gateway.wait_drained(count + 1)
    gateway.wait_status(lambda s: s["lag"]["records"] == 0, 60, "outputs at Kafka, too")
    store = gateway.options["store"]
    topics = [f"{prefix}.{name}" for name in ("readings", "windows", "dead")]

    def command(*words, code=0):
        done = tributary("replay", store, "--send", "--config", gateway.config, *words)
        assert done.returncode == code, (words, done)
        return done

    def cursors():
        return gateway.status()["store"]["logs"]

    def in_kafka():
        return collections.Counter((record.topic, record.id) for record in kafka.read(*topics))

    def plan():
        return json.loads(command("--dry-run", "--json").stdout)

    # What the engine has handed in is not in the store at once: the last windows come a moment later.
    wait_until(lambda: plan()["topics"] == dict(collections.Counter(topic for topic, _ in in_kafka())), 60, "all of the store at Kafka", every=1)
    ledger, stand = gateway.status()["ledger"], cursors()
    first, planned = in_kafka(), plan()
    assert planned["topics"] == dict(collections.Counter(topic for topic, _ in first)) and in_kafka() == first
    done = json.loads(command("--json").stdout)
    assert done["delivered"] == done["records"] == planned["records"] == sum(first.values()) and not done["missing"]
    figure("replay_send.records", done["records"])
    records = collections.defaultdict(list)
    for record in kafka.read(*topics):
        records[record.topic, record.id].append(record)
    for name, both in records.items():
        once, again = sorted(both, key=lambda record: record.headers.get("tb-replay", ""))
        assert "tb-replay" not in once.headers and again.headers.pop("tb-replay") == "1", name
        assert (once.key, once.value, once.headers, once.timestamp, once.partition) == \
            (again.key, again.value, again.headers, again.timestamp, again.partition), name
    assert gateway.status()["ledger"] == ledger and cursors() == stand

    exported = [json.loads(line) for line in tributary("store", "export", "--store", store).stdout.splitlines()]
    some = [line for line in exported if "payload" in line][100:200]
    borders = "--from", some[0]["seq"], "--to", some[-1]["seq"]
    assert command(*borders, "--dry-run").stdout.startswith("100 records would be sent")
    begin = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(some[0]["arrival"] / 1000))
    part = json.loads(command("--from", begin, "--log", "intake", "--dry-run", "--json").stdout)
    assert part["records"] == sum(line["arrival"] >= some[0]["arrival"] // 1000 * 1000 for line in exported if "payload" in line) - 1
    assert "2026-05-01T12:00:00Z" in command("--from", "yesterday", code=2).stderr
    assert "--log" in command(*borders, "--log", "intake", "--log", "windows", code=2).stderr

    # Its own producer goes on.
    publish_all(mosquitto.port, numbered(10, start=count))
    gateway.wait_drained(count + 11)
    assert all(entry["ok"] for entry in gateway.status()["health"])

    # A hole in a copy is named, and the rest is sent.
    copy = tmp_path / "copy.db"
    assert tributary("store", "backup", copy, "--store", store).returncode == 0
    with sqlite3.connect(copy) as database:
        seq, records_in_it = database.execute("SELECT seq, count FROM block WHERE log = 1 ORDER BY seq LIMIT 1 OFFSET 3").fetchone()
        database.execute("DELETE FROM block WHERE log = 1 AND seq = ?", (seq,))
    database.close()
    holed = tributary("replay", "--send", "--config", gateway.config, "--json", "--log", "intake", copy)
    assert holed.returncode == 1 and f"intake {seq}..{seq + records_in_it - 1}" in holed.stderr, holed
    assert json.loads(holed.stdout)["delivered"] >= count - records_in_it

    # Another box's configuration, and a person who loses patience.
    other = tmp_path / "other.toml"
    other.write_text(gateway.config.read_text().replace('id = "line1"', 'id = "line2"'))
    assert "TRB-STORE-007" in tributary("replay", store, "--send", "--config", other).stderr
    impatient = subprocess.Popen([str(BINARY), "replay", store, "--send", "--config", gateway.config, "--brokers",
                                  f"127.0.0.1:{free_port()}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(3)
    impatient.send_signal(signal.SIGINT)
    out, err = impatient.communicate(timeout=20)
    assert impatient.returncode == 1 and "interrupted" in err and out.startswith("0 of"), (out, err)


def test_many_letters_are_taken_in_again_in_parts(mosquitto, make_gateway, kafka, prefix, figure):
    count = 2_000
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=TEMPERATURE.format("/value"))
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, ((f"factory/m{n % 20}/temperature", json.dumps({"v": n})) for n in range(count)))
    gateway.wait_drained(count)
    gateway.configure(streams=TEMPERATURE.format("/v"))
    gateway.reload()
    wait_until(lambda: "new configuration in force" in gateway.log(), 10, "new configuration")
    began = time.monotonic()
    assert Box(gateway).dead("retry", "--all").stdout.startswith(f"{count} messages taken in again")
    figure("dead.retry_seconds", round(time.monotonic() - began, 2))
    gateway.wait_drained(2 * count)
    assert sorted(json.loads(record.value)["value"] for record in kafka.read(f"{prefix}.readings")) == list(range(count))
    assert not Box(gateway).letters()
