# SPDX-License-Identifier: Apache-2.0
"""Promise P7 across machines: arm64 and armhf, on the boards' cores (qemu), say what amd64 says, to the last bit.

`make test-cross` builds what is run here and names the presets of those builds in TRIBUTARY_CROSS.
"""
import json
import os
import signal
import subprocess

import pytest
import test_determinism
from harness.emulated import emulated
from harness.gateway import BINARY, unique_received
from harness.outputs import from_kafka, from_replay
from harness.process import wait_until
from harness.publisher import Publisher

pytestmark = [pytest.mark.nightly, pytest.mark.seconds(900)]
PRESETS = os.environ.get("TRIBUTARY_CROSS", "arm64 armhf").split()
CORES = {"arm64": ["cortex-a53", "cortex-a72", "cortex-a76"], "armhf": ["cortex-a8", "cortex-a7"], "riscv64": ["rv64"]}
MACHINES = [(preset, core) for preset in PRESETS for core in CORES[preset.split("-")[0]]]
LOGS = test_determinism.LOGS


def replay(program, config, recorded):
    done = subprocess.run([*program, "replay", "--config", config, "--no-flush", recorded], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_armv6_is_refused_by_the_processor():
    """What docs/cross-building.md says of a Raspberry Pi Zero W: its armhf is not Debian's."""
    if "armhf" not in PRESETS:
        pytest.skip("armhf was not built")
    done = subprocess.run([*emulated("armhf", "arm1176"), "version"], capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGILL


@pytest.fixture(scope="module")
def machines_say(tmp_path_factory):
    """A recorded input, and what amd64 makes of it."""
    folder = tmp_path_factory.mktemp("machines")
    config, recorded = folder / "tributary.toml", folder / "recorded.jsonl"
    config.write_text(f'[gateway]\nid = "line1"\n[kafka]\nbrokers = "127.0.0.1:9"\n{test_determinism.streams()}')
    messages = list(test_determinism.recorded_input(20_000))
    recorded.write_text("".join(json.dumps({"topic": topic, "payload": payload}) + "\n" for topic, payload in messages))
    return config, recorded, messages, replay([BINARY], config, recorded)


@pytest.mark.parametrize("preset,core", MACHINES)
def test_replay_says_the_same(preset, core, machines_say, figure):
    config, recorded, _, expected = machines_say
    assert min(len(records) for records in from_replay(expected, "tributary", LOGS).values()) > 50
    assert replay(emulated(preset, core), config, recorded) == expected
    figure(f"cross.{preset}.{core}.records", expected.count("\n"))


@pytest.mark.parametrize("preset,core", MACHINES)
def test_gateway_says_the_same(preset, core, machines_say, mosquitto, make_gateway, kafka, prefix):
    """Live between this host's mosquitto and Kafka, with a restart from its checkpoint in the middle."""
    _, _, messages, expected = machines_say
    gateway = make_gateway(mqtt_port=mosquitto.port, program=emulated(preset, core), streams=test_determinism.streams())
    gateway.start()
    mosquitto.wait_subscribed()
    half = len(messages) // 2
    with Publisher(mosquitto.port) as publisher:
        publisher.publish(messages[:half])
        publisher.finish()
        gateway.wait_status(lambda s: unique_received(s) == half, 120, "the first half")
        assert gateway.terminate(timeout=60) == 0
        gateway.start()
        publisher.publish(messages[half:])
        publisher.finish()
    gateway.wait_drained(len(messages), timeout=240)
    wanted = from_replay(expected, "tributary", LOGS)
    # The last outputs are handed in a moment after the last message was; an emulated stop may be too short for them.
    wait_until(lambda: all(len(found) >= len(wanted[log]) for log, found in from_kafka(kafka, prefix, LOGS).items()), 120, "all records", every=2)
    assert gateway.terminate(timeout=60) == 0
    found = from_kafka(kafka, prefix, LOGS)
    for log in LOGS:
        assert list(map(test_determinism.same, found[log])) == list(map(test_determinism.same, wanted[log])), log


@pytest.mark.parametrize("preset,core", MACHINES)
def test_detectors_keep_the_same_state(preset, core):
    native = subprocess.run([BINARY.parent / "detect_bits"], capture_output=True, text=True, check=True, timeout=600).stdout
    assert native.count("\n") == 9
    foreign = subprocess.run(emulated(preset, core, "detect_bits"), capture_output=True, text=True, check=True, timeout=600).stdout
    assert foreign == native
