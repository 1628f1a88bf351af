#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast a backlog leaves: a million messages gathered while their topic is missing, then the topic is made. Beside it a bare librdkafka
producer that sends the same records from memory (tests/bench/drain_floor.cpp). Prints rates, CPU per record and memory; judges nothing."""
import argparse
import json
import pathlib
import shutil
import subprocess
import tempfile
import time

from bench import TOOLS, Offsets, build_tools, child_number, cpu_seconds, create_topic
from harness.gateway import BINARY, Gateway
from harness.kafka import Kafka
from harness.mosquitto import OPEN_QUEUE, Mosquitto
from harness.process import wait_until


def drain(kafka, folder, name, count):
    broker = Mosquitto(folder / f"{name}-mosquitto", OPEN_QUEUE).start()
    gateway = Gateway(folder / name, mqtt_port=broker.port, brokers=kafka.brokers, prefix=name, gather="500ms",
                      mqtt="receive_maximum = 2000", kafka="create_topics = false")
    try:
        gateway.start()
        broker.wait_subscribed()
        subprocess.run([TOOLS / "loadgen", "-p", str(broker.port), "-n", str(count), "-T", "1000"], check=True, capture_output=True, timeout=600)
        gateway.wait_status(lambda s: s["mqtt"]["received"] >= count, 300, "the backlog", every=0.5)
        broker.stop()
        time.sleep(2)
        before, memory = cpu_seconds(gateway), child_number(gateway, "status", "VmRSS") / 1024
        create_topic(kafka.brokers, f"{name}.readings")
        offsets, topic = Offsets(kafka.brokers), f"{name}.readings"
        wait_until(lambda: offsets.count(topic) > 0, 60, "the first record", every=0.01)
        began = time.monotonic()
        first = offsets.count(topic)
        wait_until(lambda: offsets.count(topic) >= count, 600, f"{count} records", every=0.05)
        took = time.monotonic() - began
        time.sleep(1)
        return {"rate": (count - first) / took, "cpu_us": (cpu_seconds(gateway) - before) / count * 1e6, "rss_before_mb": memory,
                "rss_peak_mb": child_number(gateway, "status", "VmHWM") / 1024}
    finally:
        gateway.stop()
        broker.stop()


def floor(kafka, name, count):
    create_topic(kafka.brokers, f"{name}.floor")
    done = subprocess.run([BINARY.parent / "drain_floor", kafka.brokers, f"{name}.readings", f"{name}.floor", str(count)], check=True,
                          capture_output=True, text=True, timeout=600)
    result = json.loads(done.stdout)
    return {"rate": count / result["seconds"], "cpu_us": result["cpu_us"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    build_tools()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="drain-", dir=TOOLS))
    kafka = Kafka(folder / "kafka", jvm="").start()
    try:
        for number in range(arguments.rounds):
            name = f"d{number}"
            ours = drain(kafka, folder, name, arguments.count)
            bare = floor(kafka, name, arguments.count)
            print(f"drain of {arguments.count} records: {ours['rate']:.0f} records/s, {ours['cpu_us']:.2f} us of CPU each, "
                  f"RSS {ours['rss_before_mb']:.1f} MB before, {ours['rss_peak_mb']:.1f} at most; "
                  f"floor {bare['rate']:.0f} records/s, {bare['cpu_us']:.2f} us; CPU {ours['cpu_us'] / bare['cpu_us']:.2f} x floor", flush=True)
    finally:
        kafka.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
