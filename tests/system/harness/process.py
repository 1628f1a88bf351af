# SPDX-License-Identifier: Apache-2.0
"""Child processes, free ports and bounded waits."""
import os
import pathlib
import random
import signal
import socket
import subprocess
import time

_handed_out = set()


def free_port(count=1):
    """The first of `count` neighbouring loopback ports that are free now and were not handed out before.

    Below the kernel's range for outgoing connections (32768 and up), so that none of those takes it meanwhile.
    """
    for _ in range(500):
        first = random.randrange(20000, 32000 - count)
        ports = range(first, first + count)
        if _handed_out.isdisjoint(ports) and all(_can_bind(port) for port in ports):
            _handed_out.update(ports)
            return first
    raise RuntimeError("no free port")


def _can_bind(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(predicate, timeout, what, every=0.05):
    """The first true value of predicate(); TimeoutError naming `what` after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"after {timeout} s still no {what() if callable(what) else what}")
        time.sleep(every)


class Child:
    """One child process with its output in a file. Not restarted by itself; start() again after it ended."""

    def __init__(self, command, log_path, env=None):
        self.command = [str(word) for word in command]
        self.log_path = pathlib.Path(log_path)
        self.env = {**os.environ, **(env or {})}
        self.process = None

    def start(self):
        assert not self.alive(), "already running"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env)
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self):
        return self.process.pid

    def signal(self, number):
        self.process.send_signal(number)

    def kill9(self):
        self.process.kill()
        self.process.wait(timeout=30)

    def terminate(self, timeout=20):
        """SIGTERM; the exit code. Fails when the process does not end by itself in time."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=timeout)

    def stop(self):
        """Ends it in any case, for the end of a test."""
        if not self.alive():
            return
        try:
            self.terminate(5)
        except subprocess.TimeoutExpired:
            self.kill9()

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def tail(self, lines=15):
        return "\n".join(self.log().splitlines()[-lines:])
