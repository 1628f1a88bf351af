# SPDX-License-Identifier: Apache-2.0
"""`tributary store` beside a gateway with a backlog; then the gateway is killed, its file damaged, and started again: it
starts, says what is gone, takes in what comes, and everything else reaches Kafka."""
import json
import re
import sqlite3
import time

import pytest

from harness.gateway import streams, tributary, unique_received
from harness.numbered import numbered
from harness.process import free_port, wait_until
from harness.publisher import publish_all

COUNT = 6000
LATER = 200


def store(gateway, *words, code=0):
    done = tributary("store", *words, "--store", gateway.options["store"])
    assert done.returncode == code, (words, done)
    return done


def exported(gateway):
    """seq -> number of the message, and the lines as replay would read them."""
    lines = [json.loads(line) for line in store(gateway, "export").stdout.splitlines()]
    return {line["seq"]: json.loads(line["payload"])["n"] for line in lines if "payload" in line}, lines


@pytest.fixture
def backlog(mosquitto, make_gateway):
    """A gateway at work, Kafka away, COUNT messages in its store."""
    gateway = make_gateway(mqtt_port=mosquitto.port, brokers=f"127.0.0.1:{free_port()}", gather="50ms",
                           store_extra="block_messages = 100")
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, numbered(COUNT))
    gateway.wait_status(lambda s: unique_received(s) >= COUNT, 60, "received messages")
    return gateway


def test_commands_beside_a_running_gateway(backlog, tmp_path, figure):
    gateway = backlog
    overview = json.loads(store(gateway, "ls", "--json").stdout)
    assert overview["running_pid"] == str(gateway.pid)
    assert overview["logs"]["intake"]["records"] >= COUNT
    assert "kafka" not in "".join(overview["cursors"]) or overview["cursors"].get("kafka:main:intake", 1) < 10
    text = store(gateway, "ls").stdout
    assert f"in use by pid {gateway.pid}" in text and "intake" in text and "engine" in text

    verified = json.loads(store(gateway, "verify", "--json").stdout)
    assert verified["ok"] and not verified["structure_checked"] and verified["damaged"] == verified["missing"] == []
    assert verified["records"] >= COUNT
    figure("store_cli.blocks", verified["blocks"])

    numbers, lines = exported(gateway)
    assert sorted(numbers.values()) == list(range(COUNT))
    assert {line["control"] for line in lines if "control" in line} >= {"config", "clock", "session"}
    first, last = min(numbers), max(numbers)
    part = store(gateway, "export", "--from", first + 10, "--to", first + 19, "--format", "csv").stdout.splitlines()
    assert part[0] == "seq,arrival,topic,payload" and len(part) == 11
    since = next(line["arrival"] for line in lines if line["seq"] == last) / 1000
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since)) + f".{int(since * 1000) % 1000:03d}Z"
    assert f'"seq":{last},' in store(gateway, "export", "--from", stamp).stdout
    assert store(gateway, "export", "--log", "windows").stdout == ""

    # What was exported is what replay takes.
    (tmp_path / "recorded.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    replayed = tributary("replay", "--config", gateway.config, tmp_path / "recorded.jsonl")
    assert replayed.returncode == 0 and len(replayed.stdout.splitlines()) == COUNT, replayed.stderr[-500:]

    copy = tmp_path / "copy.db"
    assert store(gateway, "backup", copy).returncode == 0
    assert "TRB-STORE-007" in store(gateway, "backup", copy, code=1).stderr
    done = tributary("store", "verify", "--json", "--store", copy)
    assert json.loads(done.stdout)["structure_checked"] and json.loads(done.stdout)["records"] >= COUNT

    for words in (["repair"], ["wipe", "--yes"], ["repair", "--to", tmp_path / "x.db"]):
        refused = store(gateway, *words, code=1)
        assert "TRB-STORE-003" in refused.stderr and "stop it first" in refused.stderr
    assert gateway.alive() and gateway.status()["ledger"]

    assert gateway.terminate() == 0
    assert "are not in Kafka yet" in store(gateway, "wipe", code=1).stderr
    assert store(gateway, "repair").stdout == "nothing to repair\n"
    store(gateway, "wipe", "--yes")
    assert not gateway.options["store"].exists()
    assert "TRB-STORE-002" in store(gateway, "ls", code=1).stderr


def ranges(text, log):
    """Everything that is said to be lost of a log."""
    return [(int(a), int(b)) for name, a, b in re.findall(r"([a-z]+) (\d+)\.\.(\d+)", text) if name == log]


def flip_in_block(path, files, random):
    """One bit, inside a block of messages that is not yet sent: in the newest place where its bytes stand."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        bodies = [row[0] for row in database.execute("SELECT body FROM block WHERE log = 1 ORDER BY seq")]
    database.close()
    body = bodies[len(bodies) // 3]
    for file in files:
        data = bytearray(file.read_bytes()) if file.exists() else bytearray()
        at = data.rfind(body[10:74])
        if at >= 0:
            data[at + random.randrange(64)] ^= 1 << random.randrange(8)
            file.write_bytes(data)
            return file
    raise AssertionError("the block stands nowhere")


@pytest.mark.parametrize("damage", ["a block in the file", "a block in the WAL", "the head"])
def test_damage_after_a_kill(backlog, damage, mosquitto, kafka, prefix, seeded, figure):
    gateway = backlog
    numbers, _ = exported(gateway)
    path = gateway.options["store"]
    wal = path.with_name(path.name + "-wal")
    if damage != "a block in the WAL":  # a clean stop brings it home
        assert gateway.terminate() == 0
        gateway.start()
        gateway.wait_status(lambda s: s["mqtt"]["connected"], 30, "connection")
    gateway.kill9()
    if damage == "the head":
        data = path.read_bytes()
        path.write_bytes(bytes(100) + data[100:])
        wal.write_bytes(b"")  # or SQLite reads the first page there
    else:
        assert flip_in_block(path, [path] if damage == "a block in the file" else [wal], seeded).exists()

    gateway.configure(brokers=kafka.brokers)
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, numbered(LATER, start=COUNT))

    def arrived():
        return {json.loads(record.value)["n"] for record in kafka.read(f"{prefix}.readings")}

    wait_until(lambda: set(range(COUNT, COUNT + LATER)) <= arrived(), 60, "new messages in Kafka")
    status = gateway.wait_status(lambda s: all(h["ok"] for h in s["health"] if h["component"] == "store"), 30, "healthy store")
    lost = set(range(COUNT)) - arrived()
    log = gateway.log()
    said = ranges(log, "intake")
    missing = [seq for seq, number in numbers.items() if number in lost]
    figure(f"store_cli.{damage}.lost", len(lost))
    assert len(lost) <= 600, (damage, len(lost))  # the blocks of one page
    assert lost or damage == "the head"
    assert all(any(a <= seq <= b for a, b in said) for seq in missing), (sorted(missing)[:5], said, log[-3000:])
    if damage == "head":
        assert not lost
        assert ".damaged-" in log and list(path.parent.glob("store.db.damaged-*"))

    # What was lost has a fate and is announced, once, also after another kill.
    status = gateway.wait_drained(COUNT + LATER)
    damaged = {name: account["damaged"] for name, account in streams(status).items()}
    assert sum(damaged.values()) >= len(lost) and (damaged.get("") or sum(damaged.values()) == len(lost)), (damaged, len(lost))
    time.sleep(6)  # cursors are on disk by then
    gateway.kill9()
    gateway.start()
    status = gateway.wait_drained(COUNT + LATER)
    assert {name: account["damaged"] for name, account in streams(status).items()} == damaged

    def announced():
        gaps = (json.loads(record.value) for record in kafka.read(f"{prefix}.gaps"))
        return sorted({(gap["from"], gap["to"], gap["count"]) for gap in gaps if gap["reason"] == "damaged" and gap["log"] == "intake"})

    gaps = announced()
    assert all(any(a <= seq <= b for a, b, _ in gaps) for seq in missing), (gaps, sorted(missing)[:5])
    assert all(a[1] < b[0] for a, b in zip(gaps, gaps[1:])) and all(count == b - a + 1 for a, b, count in gaps), gaps
    figure(f"store_cli.{damage}.damaged", sum(damaged.values()))
    assert gateway.terminate() == 0
    verified = tributary("store", "verify", "--json", "--store", path)
    assert json.loads(verified.stdout)["structure_checked"], verified
