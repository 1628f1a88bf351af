# SPDX-License-Identifier: Apache-2.0
"""The units without a running systemd: they are well-formed, the sandbox is as tight as we say, and the gateway can live in it."""
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

from harness.gateway import BINARY, ROOT, config_text
from harness.process import Child, wait_until

UNITS = ROOT / "systemd"
MAX_EXPOSURE = 1.2  # 0 is best. What is left: Internet and local sockets, and the host's network
GATEWAYS = ("tributary.service", "tributary@.service")
CLOCK = "tributary-clock.service"
CLOCK_BINARY = BINARY.with_name("tributary-clock")
NOBODY = 65534
HAS_SYSTEMD = shutil.which("systemd-analyze") is not None
needs_systemd = pytest.mark.skipif(not HAS_SYSTEMD, reason="systemd-analyze is not installed (package systemd)")


def lines_of(unit):
    return [line for line in (UNITS / unit).read_text().splitlines() if line and not line.startswith("#")]


def analyze(*words):
    return subprocess.run(["systemd-analyze", *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60)


def exposure(folder, *drop_ins, name="tributary.service"):
    """systemd-analyze scores the text of one file, so drop-ins are put into it."""
    text = (UNITS / name).read_text().split("[Install]")[0]
    for drop_in in drop_ins:
        text += (UNITS / "examples" / drop_in).read_text().replace("[Service]", "")
    unit = folder / name.replace("@", "@x")
    unit.write_text(text)
    done = analyze("security", "--offline=true", unit)
    return float(re.search(r"Overall exposure level for [^:]+: ([\d.]+)", done.stdout).group(1))


def verify(folder, unit, change=lambda text: text):
    """What systemd has to say against it; the return code stays 0 when it only ignores a line."""
    text = (UNITS / unit).read_text().replace("/usr/bin/tributary", str(BINARY))
    text = text.replace("/usr/libexec/tributary-clock", str(CLOCK_BINARY))
    path = folder / unit
    path.write_text(change(text))
    done = analyze("verify", "--man=no", path)
    return done.stdout + done.stderr


@needs_systemd
@pytest.mark.parametrize("unit", [*GATEWAYS, CLOCK])
def test_units_are_well_formed(unit, tmp_path):
    assert verify(tmp_path, unit) == ""
    assert "Unknown key" in verify(tmp_path, unit, lambda text: text.replace("UMask", "UMasks"))


@needs_systemd
def test_exposure(tmp_path, figure):
    plain, own_network = exposure(tmp_path), exposure(tmp_path, "only-my-network.conf")
    figure("systemd.exposure", plain)
    figure("systemd.exposure_own_network", own_network)
    figure("systemd.exposure_clock", exposure(tmp_path, name=CLOCK))
    assert plain <= MAX_EXPOSURE
    assert exposure(tmp_path, name="tributary@.service") == plain
    assert own_network < plain
    assert exposure(tmp_path, name=CLOCK) < plain


def test_template_is_the_same_unit():
    per_instance = re.compile(r"^(Description|ExecStart|\w+Directory)=")
    one, many = ([line for line in lines_of(unit) if not per_instance.match(line)]
                 for unit in GATEWAYS)
    assert one == many
    folders = [line for line in lines_of("tributary@.service") if re.match(r"(Runtime|State|Configuration)Directory=", line)]
    assert len(folders) == 3 and all("%i" in line for line in folders)


def allowed_calls(unit):
    """The names that SystemCallFilter= lets through."""
    groups, name = {}, None
    for line in analyze("syscall-filter").stdout.splitlines():
        if line.startswith("@"):
            name = line.strip()
            groups[name] = set()
        elif name is None:
            continue
        elif line.strip() and not line.strip().startswith("#"):
            groups[name].add(line.strip())

    def expand(word):
        return set().union(*map(expand, groups[word])) if word.startswith("@") else {word}

    calls = expand("@default")  # always permitted
    for line in lines_of(unit):
        if line.startswith("SystemCallFilter="):
            words = line.split("=", 1)[1]
            these = set().union(*(expand(word) for word in words.lstrip("~").split()))
            calls = calls - these if words.startswith("~") else calls | these
    return calls


def traced(command, folder, until, **env):
    """The names of the system calls that a program makes until the time comes, as a user without rights."""
    if shutil.which("strace") is None or subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"]).returncode != 0:
        pytest.skip("strace is not installed, or may not trace here")
    command = ["strace", "-f", "-qq", "-o", folder / "trace", *command]
    if os.geteuid() == 0:  # root's SQLite calls fchown, the service's user does not
        pathlib.Path(folder).chmod(0o777)
        for parent in folder.parents[:3]:
            parent.chmod(parent.stat().st_mode | 0o011)
        command = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", *command]
    child = Child(command, folder / "log", env={name: str(value) for name, value in env.items()})
    child.start()
    try:
        until()
    finally:
        for one in pathlib.Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split():
            os.kill(int(one), signal.SIGTERM)  # strace itself holds signals back
        child.process.wait(timeout=20)
    return set(re.findall(r"^\d+ +(\w+)\(", (folder / "trace").read_text(), re.M))


@needs_systemd
def test_makes_no_system_call_that_the_unit_forbids(mosquitto, tmp_path):
    config, state = tmp_path / "tributary.toml", tmp_path / "state"
    config.write_text(config_text(mqtt_port=mosquitto.port, brokers="mock", store=tmp_path / "store.db", clock="auto"))
    calls = traced([BINARY, "run", "-c", config], tmp_path, mosquitto.wait_subscribed, RUNTIME_DIRECTORY=tmp_path,
                   TRIBUTARY_CLOCK_STATE=state)
    assert "fdatasync" in calls
    assert str(state) in (tmp_path / "trace").read_text(), "the state of the clock was not asked for"
    assert calls - allowed_calls("tributary.service") == set()


@needs_systemd
def test_the_clock_is_asked_within_the_unit(tmp_path):
    state = tmp_path / "state"
    calls = traced([CLOCK_BINARY, state], tmp_path, lambda: wait_until(state.exists, 20, "an answer"))
    assert {"clock_adjtime", "adjtimex"} & calls
    assert calls - allowed_calls(CLOCK) == set()
    assert re.fullmatch(r"\d+ [01]\n", state.read_text())
