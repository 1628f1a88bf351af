# SPDX-License-Identifier: Apache-2.0
"""Promise P7: the same intake log gives the same output records, whatever was killed and whatever the processor can do."""
import json
import math
import random
import threading
import time

from harness.gateway import tributary, unique_received
from harness.outputs import from_kafka
from harness.publisher import Publisher

START_MS = 1_577_836_800_000  # 2020-01-01: no stamp is ahead of its arrival
SERIES = 12
IDLE = "30d"
KILLS = 50
LOGS = "windows", "events", "readings", "late"  # readings: what the downsampler kept

STREAMS = """
[[stream]]
name = "machines"
topics = ["plant/+/vibration"]
series = "{2}/vibration"
format = "json"
time = "/ts"
unit = "mm/s"
scale = 0.1
window = [
  { size = "10s", lateness = "2s", idle = "%(idle)s" },
  { size = "1min", idle = "%(idle)s", zone = "Europe/Berlin", offset = "30s" },
  { type = "hopping", size = "20s", slide = "5s", lateness = "1s", idle = "%(idle)s", aggregates = ["p50", "p99"] },
  { type = "session", gap = "900ms", lateness = "2s", idle = "%(idle)s", aggregates = ["time_weighted_mean", "mode"] },
  { type = "count", count = 50, idle = "%(idle)s", aggregates = ["increase", "rate", "states"] },
]

[[stream.detect]]
type = "ewma"
span = 30
limit = 4
hold_off = "20s"

[[stream.detect]]
type = "threshold"
high = %(high)s
hysteresis = 0.2

[[stream.detect]]
type = "robust-z"
window = 25

[[stream.detect]]
type = "cusum"
warmup = 50

[[stream.detect]]
type = "spikes"
count = 2

[[stream.detect]]
type = "rate"
rise = 2
fall = 2

[[stream.detect]]
type = "group"
group = "{1}"
warmup = 100
limit = 1.1

[stream.downsample]
type = "swinging-door"
deviation = "auto"
lateness = "1s"
max_time = "%(idle)s"
"""


def streams(high="4.2"):
    return STREAMS % {"idle": IDLE, "high": high}


def recorded_input(count, seed=7, first=0):
    """A fixed input: rhythm, noise, spikes, and one reading in 20 comes too late."""
    source = random.Random(f"{seed}/{first}")
    for i in range(first, first + count):
        machine, step = i % SERIES, i // SERIES
        ts = START_MS + step * 500 + source.randrange(400)
        value = 30 + 8 * math.sin(step / 40 + machine) + source.gauss(0, 1)
        if source.random() < 0.01:
            value += source.choice((25, -25))
        if source.random() < 0.05:
            ts -= source.randrange(3_000, 90_000)
        yield f"plant/m{machine}/vibration", json.dumps({"ts": ts, "value": value, "i": i})


def closing(last_step):
    """One reading per series so far ahead that every window before it closes."""
    for machine in range(SERIES):
        yield f"plant/m{machine}/vibration", json.dumps({"ts": START_MS + last_step * 500 + 7_200_000, "value": 30, "i": -1})


def test_same_bytes_without_fma_and_avx2(tmp_path, figure):
    config, recorded = tmp_path / "tributary.toml", tmp_path / "recorded.jsonl"
    config.write_text(f'[gateway]\nid = "line1"\n[kafka]\nbrokers = "127.0.0.1:9"\n{streams()}')
    with open(recorded, "w") as file:
        for topic, payload in recorded_input(60_000):
            file.write(json.dumps({"topic": topic, "payload": payload}) + "\n")
    plain = tributary("replay", "--config", config, recorded)
    assert plain.returncode == 0, plain.stderr
    poor = tributary("replay", "--config", config, recorded, env={"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-AVX2"})
    again = tributary("replay", "--config", config, recorded)
    lines = plain.stdout.splitlines()
    for log in LOGS:
        number = sum(f'"topic":"tributary.{log}"' in line for line in lines)
        figure(f"determinism.replayed_{log}", number)
        assert number > 50, log
    assert plain.stdout == poor.stdout
    assert plain.stdout == again.stdout


PART = 6_000


def play(gateway, mosquitto, rate):
    """The recorded input with a reload and a mute in it, each at its exact place in the intake log."""
    sent = 0
    with Publisher(mosquitto.port) as publisher:

        def part(messages):
            nonlocal sent
            sent += publisher.publish(messages, rate)
            publisher.finish()
            gateway.wait_intake(sent)

        part(recorded_input(PART))
        gateway.reload_to(streams(high="4.5"))
        part(recorded_input(PART, first=PART))
        gateway.mute("m3/#", "2h")
        part(recorded_input(PART, first=2 * PART))
        part(closing(3 * PART // SERIES))
    return sent


class Steady:
    """A gateway that is never killed, behind the same words as Killed."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.lock = threading.RLock()

    def wait_intake(self, count):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with self.lock:
                status = self.gateway.status()
            if status and unique_received(status) >= count:
                return
            time.sleep(0.1)
        raise TimeoutError(f"{count} messages in the ledger; last: {status}")

    def reload_to(self, text):
        with self.lock:
            self.gateway.wait_status(lambda s: True, 20, "answer")
            self.gateway.configure(streams=text)
            reloads = self.gateway.log().count("configuration")
            self.gateway.reload()
            end = time.monotonic() + 20
            while self.gateway.log().count("configuration") == reloads:
                assert time.monotonic() < end, "no word about the reload:\n" + self.gateway.tail()
                time.sleep(0.05)
            time.sleep(0.5)  # its record is committed with the next block

    def mute(self, series, duration):
        with self.lock:
            self.gateway.wait_status(lambda s: True, 20, "answer")
            answer = self.gateway.request(f"mute {series} {duration}")
            assert "error" not in answer.lower(), answer
            time.sleep(0.5)


class Killed(Steady):
    """The same, killed at random moments until it had `kills`."""

    def __init__(self, gateway, kills, source):
        super().__init__(gateway)
        self.left, self.source, self.done = kills, source, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.left > 0 and not self.done.is_set():
            time.sleep(self.source.uniform(0.05, 1.0))
            with self.lock:
                self.gateway.kill9()
                self.gateway.start(wait=False)
            self.left -= 1

    def finish(self):
        self.done.set()
        self.thread.join(30)


def test_50_kills_change_no_output(make_mosquitto, make_gateway, kafka, prefix, figure, seeded):
    results = {}
    for name in ("steady", "killed"):
        broker = make_mosquitto(["max_queued_messages 0"])
        gateway = make_gateway(name, mqtt_port=broker.port, prefix=f"{prefix}-{name}", streams=streams(), gather="100ms")
        gateway.start()
        broker.wait_subscribed()
        if name == "steady":
            runner = Steady(gateway)
            sent = play(runner, broker, None)
        else:
            runner = Killed(gateway, KILLS, seeded)
            try:
                sent = play(runner, broker, 500)
            finally:
                runner.finish()
            figure("determinism.kills", KILLS - runner.left)
        status = gateway.wait_drained(sent)
        # A message that came in twice and was not recognised is another input, not another output.
        figure(f"determinism.{name}.intake_beyond_input", unique_received(status) - sent)
        assert unique_received(status) == sent
        results[name] = from_kafka(kafka, f"{prefix}-{name}", LOGS)
        assert gateway.terminate() == 0
    for log, expected in results["steady"].items():
        found = results["killed"][log]
        figure(f"determinism.{log}", len(expected))
        assert len(expected) > 20, log
        assert [same(record) for record in found] == [same(record) for record in expected], log


def same(record):
    """Without the topic (each run has its own prefix) and places in the intake log (sessions stand there too)."""
    value = {name: text for name, text in record["value"].items() if name != "seq"}
    return {**record, "topic": None, "value": value}
