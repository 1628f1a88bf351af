# SPDX-License-Identifier: Apache-2.0
"""The gateway from outside: the shipped binary, its configuration file, its control socket, /proc."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

from .process import Child, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARY = pathlib.Path(os.environ.get("TRIBUTARY_BIN", ROOT / "build/release/bin/tributary"))

RAW_STREAM = """
[[stream]]
name = "raw"
topics = ["factory/#"]
forward = "raw"
"""

# Beside it: a window of every ten messages of a series.
COUNTED_STREAM = """
[[stream]]
name = "counted"
topics = ["factory/#"]
forward = "windows"
window = { type = "count", count = 10 }
"""


def config_text(mqtt_port=None, brokers="", prefix="tributary", store="", streams=RAW_STREAM, mqtt="", kafka="", url=None,
                gather="200ms", gateway_id="line1", store_extra="", clock="trusted", gateway_extra=""):
    url = url or f"mqtt://127.0.0.1:{mqtt_port}"
    return f"""
[gateway]
id = "{gateway_id}"
clock = "{clock}"
{gateway_extra}

[mqtt]
url = "{url}"
{mqtt}

[kafka]
brokers = "{brokers}"
prefix = "{prefix}"
{kafka}

[store]
path = "{store}"
gather = "{gather}"
{store_extra}
{streams}
"""


def tributary(*words, timeout=120, env=None):
    """One command of the program; CompletedProcess with text output."""
    return subprocess.run([str(BINARY), *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, env={**os.environ, **(env or {})})


class Gateway(Child):
    def __init__(self, folder, program=(BINARY,), **options):
        """options: of config_text(); store defaults to a file in the folder. program: another build, under an emulator."""
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.runtime = tempfile.mkdtemp(prefix="trb-")  # short: a socket's path has at most 107 bytes
        self.socket = f"{self.runtime}/control.sock"
        self.config = self.folder / "tributary.toml"
        self.options = {"store": self.folder / "store.db", **options}
        self.configure()
        super().__init__([*program, "run", "--config", self.config], self.folder / "gateway.log",
                         env={"RUNTIME_DIRECTORY": self.runtime})

    def configure(self, **changes):
        self.options.update(changes)
        self.config.write_text(config_text(**self.options))

    def start(self, wait=True):
        super().start()
        if wait:
            self.wait_status(lambda status: True, 30, "answer of the gateway")
        return self

    def stop(self):
        super().stop()
        shutil.rmtree(self.runtime, ignore_errors=True)

    def reload(self):
        self.signal(signal.SIGHUP)

    def request(self, line, timeout=10):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(self.socket)
            connection.sendall(line.encode() + b"\n")
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while part := connection.recv(65536):
                answer += part
        return answer.decode()

    def status(self):
        """status --json, or None while there is no answer."""
        done = tributary("status", "--json", "--socket", self.socket, timeout=20)
        try:
            answer = json.loads(done.stdout)
        except json.JSONDecodeError:
            return None
        return answer if "ledger" in answer else None

    def wait_status(self, predicate, timeout, what, every=0.1):
        last = {}

        def probe():
            if not self.alive():
                raise AssertionError(f"the gateway ended with {self.process.returncode} while waiting for {what}:\n{self.tail()}")
            status = self.status()
            if status is None:
                return None
            last["status"] = status
            return status if predicate(status) else None

        def complaint():
            return f"{what}; last status: {json.dumps(last.get('status'))[:3000]}\nlog:\n{self.tail()}"

        return wait_until(probe, timeout, complaint, every)

    def wait_drained(self, received, timeout=60):
        """Until at least so many messages came in (duplicates not counted) and nothing is pending any more."""
        status = self.wait_status(lambda s: unique_received(s) >= received and pending(s) == 0, timeout,
                                  f"drained gateway with {received} messages", every=0.2)
        check_balanced(status)
        return status

    # What it cost so far.
    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_rss_bytes(self):
        return _proc_number(self.pid, "status", "VmHWM") * 1024

    def write_bytes(self):
        return _proc_number(self.pid, "io", "write_bytes")


def _proc_number(pid, file, name):
    for line in pathlib.Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise KeyError(name)


FATES = ("forwarded", "summarised", "kept_local", "late_only", "rejected", "evicted", "duplicate", "damaged")
LOG_ENDS = ("delivered", "refused", "thinned", "damaged")


def streams(status):
    return status["ledger"]["streams"]


def received(status):
    return sum(account["received"] for account in streams(status).values())


def unique_received(status):
    return received(status) - sum(account.get("duplicate", 0) for account in streams(status).values())


def pending(status):
    return sum(account["pending"] for account in [*streams(status).values(), *status["ledger"]["logs"].values()])


def check_balanced(status):
    """received = the sum of the fates + pending, for every stream; the same for every output log."""
    for name, account in streams(status).items():
        assert account["received"] == sum(account[fate] for fate in FATES) + account["pending"], (name, account)
        assert account["pending"] >= 0, (name, account)
    for name, account in status["ledger"]["logs"].items():
        assert account["appended"] == sum(account[end] for end in LOG_ENDS) + account["pending"], (name, account)
        assert account["pending"] >= 0, (name, account)


def well(status, component):
    """Whether status says that this part is in good health."""
    return all(entry["ok"] for entry in status["health"] if entry["component"] == component)
