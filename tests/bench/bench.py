#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a message costs: the gateway against the floor, one after the other on the same load in one run.

The floor is a bare Paho receiver and a Kafka producer that stores nothing and acknowledges early (../shared/bench). CPU is user
+ system time from /proc/PID/stat between the subscription and the delivery of the last message, per message; RSS is VmHWM;
disk is write_bytes of /proc/PID/io. Several rounds, the median. Prints a table and writes build/bench/result.json; it judges
nothing: how fast the machine is today is not a matter of right and wrong.
"""
import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/system"))

import confluent_kafka  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

from harness.gateway import BINARY, Gateway, check_balanced  # noqa: E402
from harness.kafka import Kafka  # noqa: E402
from harness.mosquitto import OPEN_QUEUE, Mosquitto  # noqa: E402
from harness.process import Child, wait_until  # noqa: E402
from harness.publisher import publish_all  # noqa: E402

SOURCES = ROOT.parent / "shared/bench"
TOOLS = ROOT / "build/bench"

WINDOWS = """
[[stream]]
name = "windows"
topics = ["factory/#"]
format = "json"
time = "/ts"
forward = "windows"
window = { size = "10s", lateness = "1s", idle = "5s" }
"""

# MQTT settings beyond the defaults. A block closes at half the receive window: 2,000 gives blocks of 1,000 messages.
MQTT = {"raw 1000 a block": "receive_maximum = 2000"}

# name -> messages, topics (= series), rate (0 = flat out), window seconds, seconds to wait behind the load
SCENARIOS = {
    "raw flat out": (200_000, 1_000, 0, 0, 0),
    "raw 1000 a block": (200_000, 1_000, 0, 0, 0),
    "raw 3000/s": (75_000, 1_000, 3_000, 0, 0),
    "raw 300/s": (7_500, 1_000, 300, 0, 0),
    "windows 1000 series": (60_000, 1_000, 3_000, 10, 18),
    "windows 10000 series": (200_000, 10_000, 10_000, 10, 18),
}


def payload_bytes(count, topics):
    """As loadgen writes them."""
    frame = len('{"ts":1700000000000,"value":20.00,"unit":"C","id":,"n":}')
    return sum(frame + len(str(i % topics)) + len(str(i // topics)) for i in range(count))


class Offsets:
    """How many records a topic has, from the broker's own word."""

    def __init__(self, brokers):
        self.consumer = confluent_kafka.Consumer({"bootstrap.servers": brokers, "group.id": "bench", "log_level": 2})

    def count(self, topic):
        known = self.consumer.list_topics(timeout=10).topics
        if topic not in known:
            return 0
        parts = [confluent_kafka.TopicPartition(topic, number) for number in known[topic].partitions]
        try:
            return sum(self.consumer.get_watermark_offsets(part, timeout=10)[1] for part in parts)
        except confluent_kafka.KafkaException:
            return 0  # a topic that has just been made; asked again soon


class Bench:
    def __init__(self, kafka, folder):
        self.kafka, self.folder = kafka, folder
        self.offsets = Offsets(kafka.brokers)
        self.runs = 0

    def run(self, program, scenario):
        count, topics, rate, window, behind = SCENARIOS[scenario]
        self.runs += 1
        name = f"b{self.runs}"
        broker = Mosquitto(self.folder / f"{name}-mosquitto", OPEN_QUEUE).start()
        make = self.gateway if program == "gateway" else self.floor
        child, topic = make(name, broker.port, window, MQTT.get(scenario, ""))
        try:
            broker.wait_subscribed()
            time.sleep(1)
            before_cpu, before_written = cpu_seconds(child), written_bytes(child)
            load = subprocess.run([TOOLS / "loadgen", "-p", str(broker.port), "-n", str(count), "-T", str(topics),
                                   *(["-r", str(rate)] if rate else [])], check=True, capture_output=True, timeout=300)
            if window:
                time.sleep(behind)
            else:
                wait_until(lambda: self.offsets.count(topic) >= count, 300, f"{count} records in {topic}", every=0.25)
                time.sleep(1)
            result = {"cpu_us": (cpu_seconds(child) - before_cpu) / count * 1e6,
                      "rss_mb": child_number(child, "status", "VmHWM") / 1024,
                      "written": written_bytes(child) - before_written,
                      "records": self.offsets.count(topic), "load": json.loads(load.stdout.splitlines()[0])}
            result["written_per_message"] = result["written"] / count
            result["written_per_payload_byte"] = result["written"] / payload_bytes(count, topics)
            if program == "gateway":
                check_balanced(child.wait_status(lambda s: True, 10, "answer"))
            return result
        finally:
            child.stop()
            broker.stop()

    def gateway(self, name, port, window, mqtt):
        options = {"streams": WINDOWS} if window else {}
        child = Gateway(self.folder / name, mqtt_port=port, brokers=self.kafka.brokers, prefix=name, gather="500ms", mqtt=mqtt, **options)
        child.start()
        return child, f"{name}.windows" if window else f"{name}.readings"

    def floor(self, name, port, window, _):
        create_topic(self.kafka.brokers, name)
        child = Child([TOOLS / "floor", "-m", "paho", "-p", port, "-k", self.kafka.brokers, "-t", name,
                       *(["-w", window] if window else [])], self.folder / f"{name}.log")
        return child.start(), name

    def start_to_first_record(self):
        """Seconds from exec to a record in Kafka, with a message waiting at the broker and the topics there."""
        self.runs += 1
        name = f"b{self.runs}"
        broker = Mosquitto(self.folder / f"{name}-mosquitto", OPEN_QUEUE).start()
        child = Gateway(self.folder / name, mqtt_port=broker.port, brokers=self.kafka.brokers, prefix=name, gather="500ms")
        try:
            child.start()
            broker.wait_subscribed()
            publish_all(broker.port, [("factory/a", "1")])
            wait_until(lambda: self.offsets.count(f"{name}.readings") >= 1, 30, "first record")
            child.terminate()
            publish_all(broker.port, [("factory/a", "2")])
            began = time.monotonic()
            child.start(wait=False)
            wait_until(lambda: self.offsets.count(f"{name}.readings") >= 2, 30, "record after the start", every=0.005)
            return time.monotonic() - began
        finally:
            child.stop()
            broker.stop()


def create_topic(brokers, name):
    client = AdminClient({"bootstrap.servers": brokers})  # has to outlive its futures
    for future in client.create_topics([NewTopic(name, 6, 1)]).values():
        future.result(30)


def child_number(child, file, key):
    for line in pathlib.Path(f"/proc/{child.pid}/{file}").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    raise KeyError(key)


def cpu_seconds(child):
    return Gateway.cpu_seconds(child)


def written_bytes(child):
    return child_number(child, "io", "write_bytes")


def build_tools():
    if not SOURCES.is_dir():
        sys.exit(f"bench: skipped: the floor's sources are not there ({SOURCES.relative_to(ROOT.parent)} beside this repository)")
    if not BINARY.exists():
        sys.exit("bench: no gateway to measure; make build")
    TOOLS.mkdir(parents=True, exist_ok=True)
    newest = max(path.stat().st_mtime for path in SOURCES.glob("*.cpp"))
    if any(not (TOOLS / name).exists() or (TOOLS / name).stat().st_mtime < newest for name in ("floor", "loadgen")):
        subprocess.run(["bash", SOURCES / "build.sh", TOOLS], check=True, timeout=300)


def print_table(results, starts):
    row = "{:22} {:8} {:>12} {:>9} {:>8} {:>12} {:>12} {:>9}"
    print()
    print(row.format("load", "program", "CPU us/msg", "x floor", "RSS MB", "written B/B", "written/msg", "records"))
    for scenario, programs in results.items():
        for program, median in programs.items():
            ratio = median["cpu_us"] / programs["floor"]["cpu_us"] if programs["floor"]["cpu_us"] else float("nan")
            print(row.format(scenario, program, f"{median['cpu_us']:.2f}", f"{ratio:.2f}", f"{median['rss_mb']:.1f}",
                             f"{median['written_per_payload_byte']:.2f}", f"{median['written_per_message']:.0f}",
                             f"{median['records']:.0f}"))
    if starts:
        print(f"start to first record in Kafka: {statistics.median(starts):.2f} s, with a gather of 0.5 s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="a part of a scenario's name, or \"start\"")
    arguments = parser.parse_args()
    build_tools()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=TOOLS))  # not in a memory file system: disk is measured
    kafka = Kafka(folder / "kafka", jvm="").start()
    results, raw, starts = {}, [], []
    try:
        bench = Bench(kafka, folder)
        for scenario in SCENARIOS:
            if arguments.only and arguments.only not in scenario:
                continue
            found = {"floor": [], "gateway": []}
            for number in range(arguments.rounds):
                for program, list_of in found.items():
                    result = bench.run(program, scenario)
                    list_of.append(result)
                    raw.append({"scenario": scenario, "program": program, "round": number, **result})
                    print(f"{scenario}, round {number + 1}, {program}: {result['cpu_us']:.2f} us/msg", flush=True)
            results[scenario] = {program: {key: statistics.median(run[key] for run in runs) for key in runs[0] if key != "load"}
                                 for program, runs in found.items()}
        if not arguments.only or arguments.only in "start":
            starts = [bench.start_to_first_record() for _ in range(arguments.rounds)]
    finally:
        kafka.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print_table(results, starts)
    (TOOLS / "result.json").write_text(json.dumps({"medians": results, "start_s": starts, "runs": raw}, indent=1) + "\n")
    print(f"all runs: {(TOOLS / 'result.json').relative_to(ROOT)}")


if __name__ == "__main__":
    main()
