# SPDX-License-Identifier: Apache-2.0
"""`tributary store ship`: a box died with a backlog; its file, copied to another machine, delivers what the box would have
delivered, under the same ids. The box, revived from its own file, is the witness."""
import json
import random
import shutil
import signal

from harness.gateway import BINARY, check_balanced, pending, tributary, unique_received
from harness.process import Child, free_port, wait_until
from harness.publisher import publish_all

COUNT = 20_000
STREAMS = """
[[stream]]
name = "machines"
topics = ["factory/#"]
value = "/v"
time = "/t"
time_unit = "s"
forward = ["all", "windows", "events"]
window = { size = "1min" }

[[stream.detect]]
type = "threshold"
high = 98
"""


def messages():
    random.seed(7)
    for i in range(COUNT):
        yield f"factory/m{i % 20}", json.dumps({"t": 1_760_000_000 + i // 20, "v": round(random.random() * 100, 3)}).encode()


def delivered(kafka, prefix):
    """topic -> what tells its records apart, with repeats. Outputs that are made only now have ids of their own run."""
    name = {"readings": lambda r: r["id"], "windows": lambda r: (r["series"], r["start"], r["count"], r["sum"], r["max"]),
            "events": lambda r: (r["event_id"], r["state"])}
    return {topic: sorted(name[topic](json.loads(record.value)) for record in kafka.read(f"{prefix}.{topic}"))
            for topic in name}


def test_a_dead_boxs_backlog(mosquitto, make_gateway, kafka, prefix, tmp_path, figure):
    nowhere = f"127.0.0.1:{free_port()}"
    gateway = make_gateway(mqtt_port=mosquitto.port, brokers=nowhere, streams=STREAMS, prefix=f"{prefix}-box")
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, messages())
    gateway.wait_status(lambda s: unique_received(s) >= COUNT, 60, "received messages")
    gateway.kill9()
    shipped = tmp_path / "from-the-card.db"
    for end in ("", "-wal"):
        shutil.copy(str(gateway.options["store"]) + end, str(shipped) + end)
    config = tmp_path / "box.toml"

    def configure(**changes):
        box = gateway.config.read_text()
        for old, new in changes.items():
            box = box.replace({"prefix": f'"{prefix}-box"', "id": 'id = "line1"'}[old], new)
        config.write_text(box)

    def ship(*words):
        return tributary("store", "ship", shipped, "--config", config, *words)

    # Not with another box's configuration, nor without a file: nothing is touched.
    configure(id='id = "line2"')
    wrong = ship("--brokers", kafka.brokers)
    assert wrong.returncode == 1 and '"line1"' in wrong.stderr and '"line2"' in wrong.stderr, wrong
    nothing = tributary("store", "ship", tmp_path / "none.db", "--config", config)
    assert nothing.returncode == 1 and "none.db" in nothing.stderr and not (tmp_path / "none.db").exists()

    # Kafka cannot be reached, somebody loses patience: what is wrong was said, and the next call goes on.
    configure(prefix=f'"{prefix}"')
    impatient = Child([BINARY, "store", "ship", shipped, "--config", config], tmp_path / "impatient.log").start()
    wait_until(lambda: "TRB-KAFKA" in impatient.log(), 30, "word about Kafka")
    impatient.signal(signal.SIGINT)
    assert impatient.process.wait(60) == 1 and "goes on where" in impatient.log(), impatient.log()

    done = ship("--brokers", kafka.brokers)
    assert done.returncode == 0 and ", 0 refused, 0 waiting" in done.stdout, done
    again = ship("--brokers", kafka.brokers)
    assert again.returncode == 0 and again.stdout.startswith("0 records delivered"), again
    sent = delivered(kafka, prefix)
    assert len(sent["readings"]) == COUNT

    # The witness. Time goes on for the revived box: windows that were open close, and are no part of what was stored.
    gateway.configure(brokers=kafka.brokers)
    gateway.start()
    status = gateway.wait_status(lambda s: unique_received(s) >= COUNT and pending(s) == 0, 60, "a drained gateway")
    check_balanced(status)
    own = delivered(kafka, f"{prefix}-box")
    assert own["readings"] == sent["readings"]
    assert own["events"] == sent["events"] and len(sent["events"]) > 0
    assert set(sent["windows"]) <= set(own["windows"]) and len(sent["windows"]) > 0
    for records in sent.values():
        assert len(records) == len(set(records))

    # The box will not come back: what was open ends as it is, once.
    final = ship("--brokers", kafka.brokers, "--final")
    assert final.returncode == 0 and ", 0 refused, 0 waiting" in final.stdout, final
    ended = delivered(kafka, prefix)
    assert ended["readings"] == sent["readings"]
    assert set(sent["windows"]) < set(ended["windows"]) and len(ended["windows"]) == len(set(ended["windows"]))
    assert sum(count for _, _, count, _, _ in ended["windows"]) == COUNT
    states = {event: {state for other, state in ended["events"] if other == event} for event, _ in ended["events"]}
    assert all("closed" in seen for seen in states.values())
    again = ship("--brokers", kafka.brokers, "--final")
    assert again.returncode == 0 and again.stdout.startswith("0 records delivered"), again
    assert delivered(kafka, prefix) == ended
    for topic, records in sent.items():
        figure(f"ship.{topic}", len(records))
