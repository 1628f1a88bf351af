#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Simulated factory -> mosquitto -> gateway -> Kafka, live on one terminal; leaves nothing running and nothing behind.

DURATION: seconds (60). KAFKA: mock (librdkafka's embedded cluster, inside the gateway) or real (Apache Kafka, scripts/kafka.sh).
Kafka is read by kcat, which knows nothing of the gateway. Ctrl-C ends it early, with the account all the same.
"""
import json
import os
import pathlib
import queue
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = ROOT / "build/release/bin/tributary"
DURATION = float(os.environ.get("DURATION", "60"))
REAL = os.environ.get("KAFKA", "mock") == "real"
COLOUR = sys.stdout.isatty()
COLOURS = {"critical": "1;31", "warning": "33", "info": "36", "dim": "2", "bold": "1"}


def paint(text, colour):
    return f"\033[{COLOURS[colour]}m{text}\033[0m" if COLOUR else text


def free_port(count=1):
    for first in range(21000 + os.getpid() % 5000, 32000):
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
    raise RuntimeError("no free port")


def wait_until(predicate, seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = predicate()
        if value:
            return value
        time.sleep(0.1)
    raise RuntimeError(f"no {what} after {seconds:.0f} s")


class Demo:
    def __init__(self, folder):
        self.folder = folder
        self.children = []
        self.lines = queue.Queue()
        self.seen = {"windows": 0, "events": 0}
        self.stopped = threading.Event()

    def start(self, name, *command, pipe=False):
        """A child that Ctrl-C does not reach: we end it ourselves, in order."""
        log = open(self.folder / f"{name}.log", "ab")
        child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stderr=log,
                                 stdout=subprocess.PIPE if pipe else log, text=pipe, start_new_session=True,
                                 env={**os.environ, "RUNTIME_DIRECTORY": str(self.folder)})
        self.children.append((name, child))
        return child

    def stop_all(self):
        for _, child in reversed(self.children):
            stop(child)

    def status(self):
        done = subprocess.run([BINARY, "status", "--json", "--socket", self.folder / "control.sock"], capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=20)
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            return None

    def run(self):
        self.mqtt_port = free_port()
        config = self.folder / "mosquitto.conf"
        config.write_text(f"listener {self.mqtt_port} 127.0.0.1\nallow_anonymous true\n" + ("user root\n" if os.geteuid() == 0 else ""))
        mosquitto = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
        self.start("mosquitto", mosquitto, "-c", config)
        wait_until(lambda: can_connect(self.mqtt_port), 10, "mosquitto")
        brokers = self.start_kafka() if REAL else "mock"
        gateway = self.start_gateway(brokers)
        if not REAL:
            brokers = wait_until(lambda: ((self.status() or {}).get("kafka") or {}).get("mock_brokers"), 20, "mock cluster")
        for log in self.seen:
            threading.Thread(target=self.follow, args=(brokers, log), daemon=True).start()
        simulator = self.start("simulate", BINARY, "simulate", "--url", f"mqtt://127.0.0.1:{self.mqtt_port}", "--machines", 8,
                               "--interval", "250ms", "--faults", 1800,
                               "--truth", self.folder / "truth.jsonl")
        print(paint(f"8 simulated machines -> mosquitto 127.0.0.1:{self.mqtt_port} -> gateway -> Kafka {brokers}"
                    f" ({'Apache Kafka' if REAL else 'mock cluster'}), {DURATION:.0f} s", "bold"))
        print(paint("time      what arrived in Kafka, read by kcat", "dim"))
        self.show([gateway, simulator])
        stop(simulator)
        self.account(gateway)

    def start_kafka(self):
        subprocess.run([ROOT / "scripts/kafka.sh", "install"], check=True, stdin=subprocess.DEVNULL)
        port = free_port(2)
        self.start("kafka", ROOT / "scripts/kafka.sh", "run", self.folder / "kafka", port)
        brokers = f"127.0.0.1:{port}"
        print("waiting for Kafka", flush=True)
        wait_until(lambda: kcat("-b", brokers, "-L", "-m", "2").returncode == 0, 90, "Kafka")
        return brokers

    def start_gateway(self, brokers):
        template = string.Template((ROOT / "demo/tributary.toml").read_text())
        config = self.folder / "tributary.toml"
        config.write_text(template.safe_substitute(MQTT_PORT=self.mqtt_port, BROKERS=brokers, FOLDER=self.folder))
        gateway = self.start("gateway", BINARY, "run", "--config", config)
        wait_until(lambda: gateway.poll() is not None or (self.status() or {}).get("mqtt", {}).get("connected"), 30, "gateway")
        if gateway.poll() is not None:
            raise RuntimeError(f"the gateway ended with {gateway.returncode}")
        return gateway

    def follow(self, brokers, log):
        """Every record of one topic, from its beginning; kcat ends while the topic is not there yet."""
        offset = "beginning"
        while not self.stopped.is_set():
            child = self.start(f"kcat-{log}", "kcat", "-C", "-q", "-u", "-b", brokers, "-t", f"demo.{log}", "-o", offset, pipe=True)
            for line in child.stdout:
                self.lines.put((log, json.loads(line)))
            child.wait()
            time.sleep(0.3)

    def show(self, needed):
        end = time.monotonic() + DURATION
        tick = time.monotonic() + 1
        before = {"mqtt": 0, "windows": 0}
        last = None
        while time.monotonic() < end and not self.stopped.is_set():
            for child in needed:
                if child.poll() is not None:
                    raise RuntimeError(f"{child.args[0]} {child.args[1]} ended with {child.returncode}")
            last = self.take(max(0.0, min(tick, end) - time.monotonic())) or last
            if time.monotonic() >= tick:
                tick += 1
                received = ((self.status() or {}).get("mqtt") or {}).get("received", before["mqtt"])
                sample = f"  e.g. {last['series']} {last['window']}: mean {last['mean']:.2f} of {last['count']}" if last else ""
                print(f"{time.strftime('%H:%M:%S')}  {received - before['mqtt']:5} messages  "
                      f"{self.seen['windows'] - before['windows']:4} windows" + paint(sample, "dim"), flush=True)
                before, last = {"mqtt": received, "windows": self.seen["windows"]}, None

    def take(self, seconds):
        """Prints events as they come for so long; the newest window."""
        window, end = None, time.monotonic() + seconds
        while True:
            try:
                log, value = self.lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                return window
            self.seen[log] += 1
            if log == "windows":
                window = value
            else:
                print_event(value)
            if time.monotonic() >= end:
                return window

    def account(self, gateway):
        self.stopped.clear()
        end = time.monotonic() + 20
        status = self.status()
        while time.monotonic() < end and not self.stopped.is_set() and (not status or pending(status) or status["lag"]["records"]):
            self.take(0.3)
            status = self.status() or status
        self.take(1.0)
        print()
        subprocess.run([BINARY, "status", "--socket", self.folder / "control.sock"], stdin=subprocess.DEVNULL, timeout=20)
        logs = status["ledger"]["logs"]
        print(paint("counted by kcat in Kafka: ", "bold")
              + ", ".join(f"{self.seen[log]} {log} (ledger: {logs.get(log, {}).get('delivered', 0)})" for log in self.seen))
        if pending(status) == 0 and balanced(status):
            print(paint("the ledger is balanced: every message received has exactly one fate, nothing is pending", "bold"))
        else:
            raise RuntimeError(f"the ledger is not balanced: {json.dumps(status['ledger'])}")
        stop(gateway)
        if gateway.returncode != 0:
            raise RuntimeError(f"the gateway ended with {gateway.returncode}")


def stop(child):
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(10)


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def kcat(*words):
    return subprocess.run(["kcat", *words], capture_output=True, stdin=subprocess.DEVNULL, timeout=30)


def print_event(event):
    expected = f" expected {event['expected']:.2f}" if event.get("expected") is not None else ""
    text = (f"{time.strftime('%H:%M:%S')}  EVENT {event['state']:6} {event['severity']:8} {event['series']:24} {event['kind']:10}"
            f" value {event['value']:.2f}{expected} score {event['score']:.2f}")
    print(paint(text, event["severity"] if event["state"] == "open" else "dim"), flush=True)


def pending(status):
    return sum(a["pending"] for part in ("streams", "logs") for a in status["ledger"][part].values())


def balanced(status):
    fates = ("forwarded", "summarised", "kept_local", "late_only", "rejected", "evicted", "duplicate", "damaged")
    return all(a["received"] == sum(a[f] for f in fates) + a["pending"] for a in status["ledger"]["streams"].values())


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tributary-demo-"))
    demo = Demo(folder)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: demo.stopped.set())
    failed = None
    try:
        demo.run()
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        failed = error
    finally:
        demo.stopped.set()
        demo.stop_all()
    if failed:
        print(f"demo: {failed}; the last words of each program:", file=sys.stderr)
        for log in sorted(folder.glob("*.log")):
            for line in log.read_text(errors="replace").splitlines()[-5:]:
                print(f"  {log.stem}: {line}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
