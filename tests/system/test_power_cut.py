# SPDX-License-Identifier: Apache-2.0
"""A power cut: the image of the disk is copied while the gateway works. What it had acknowledged is in the copy.

The copy holds what reached the (loop) device, not what was in the page cache of the file system on it: that is what a
box finds after the mains came back. It cannot show devices that lie about a flush.
"""
import json
import os
import shutil
import signal
import subprocess
import threading
import time

import pytest

from harness.numbered import numbered
from harness.process import free_port
from harness.proxy import Proxy
from harness.publisher import publish_all

pytestmark = [pytest.mark.nightly, pytest.mark.seconds(600)]
COPIES = 8
MESSAGES = 30_000


class Witness(Proxy):
    """Reads along (MQTT 3.1.1): which messages has the gateway acknowledged?"""

    def __init__(self, port):
        super().__init__(port)
        self.open = {}
        self.acknowledged = set()
        self.witness_lock = threading.Lock()

    def _pump(self, source, sink):
        buffer = bytearray()

        class Tee:
            def __getattr__(_, name):
                return getattr(source, name)

            def recv(_, size):
                data = source.recv(size)
                buffer.extend(data)
                self._parse(buffer)
                return data

        super()._pump(Tee(), sink)

    def _parse(self, buffer):
        while True:
            length, at = 0, 1
            while True:
                if at >= len(buffer):
                    return
                digit = buffer[at]
                length |= (digit & 127) << (7 * (at - 1))
                at += 1
                if digit < 128:
                    break
            if at + length > len(buffer):
                return
            self._packet(buffer[0], bytes(buffer[at:at + length]))
            del buffer[:at + length]

    def _packet(self, kind, body):
        with self.witness_lock:
            if kind >> 4 == 3 and kind & 6 and body[2:10] == b"factory/":  # not the gateway's own birth message
                topic = int.from_bytes(body[:2], "big")
                self.open[body[2 + topic:4 + topic]] = json.loads(body[4 + topic:])["n"]
            elif kind >> 4 == 4 and body[:2] in self.open:
                self.acknowledged.add(self.open.pop(body[:2]))


class Image:
    """An ext4 file system in a file."""

    def __init__(self, path, folder):
        self.path, self.folder = path, folder
        folder.mkdir()

    def make(self):
        with open(self.path, "wb") as file:
            file.truncate(64 << 20)
        subprocess.run(["mkfs.ext4", "-q", self.path], check=True, capture_output=True, timeout=60)
        return self

    def mount(self):
        subprocess.run(["mount", "-o", "loop", self.path, self.folder], check=True, capture_output=True, timeout=60)
        return self

    def stop(self):
        subprocess.run(["umount", "-l", self.folder], capture_output=True, timeout=60)


@pytest.fixture
def image(tmp_path, children):
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a loop image")
    if shutil.which("mkfs.ext4", path=os.environ.get("PATH", "") + ":/sbin:/usr/sbin") is None:
        pytest.skip("mkfs.ext4 is not installed (e2fsprogs)")
    made = Image(tmp_path / "disk.img", tmp_path / "disk").make()
    try:
        made.mount()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no loop mounts here: {error.stderr.decode().strip()}")
    children.append(made)
    return made


def test_what_was_acknowledged_is_in_the_copy(image, mosquitto, make_gateway, kafka, prefix, children, tmp_path, figure, seeded):
    witness = Witness(mosquitto.port)
    children.append(witness)
    nobody = free_port()
    gateway = make_gateway(mqtt_port=witness.port, mqtt='version = "3.1.1"', store=image.folder / "store.db",
                           store_extra='min_free = "4MiB"',  # of an image of 64 MiB
                           brokers=f"127.0.0.1:{nobody}")
    gateway.start()
    mosquitto.wait_subscribed()
    load = threading.Thread(target=publish_all, args=(mosquitto.port, numbered(MESSAGES)), kwargs={"rate": 2000}, daemon=True)
    load.start()
    copies = []
    for number in range(COPIES):
        time.sleep(seeded.uniform(0.3, 1.7))
        gateway.signal(signal.SIGSTOP)
        time.sleep(0.05)  # what it sent is through the witness by now
        with witness.witness_lock:
            promised = set(witness.acknowledged)
        copy = tmp_path / f"copy{number}.img"
        shutil.copyfile(image.path, copy)
        gateway.signal(signal.SIGCONT)
        copies.append((copy, promised))
    load.join(60)
    assert not load.is_alive()
    assert len(copies[-1][1]) > 1000, "the gateway acknowledged next to nothing"
    lost = 0
    for number, (copy, promised) in enumerate(copies):
        disk = Image(copy, tmp_path / f"copy{number}").mount()
        children.append(disk)
        revived = make_gateway(f"revived{number}", mqtt_port=nobody, store=disk.folder / "store.db", prefix=f"{prefix}-{number}")
        revived.start()
        revived.wait_drained(len(promised))
        found = {json.loads(record.value)["n"] for record in kafka.read(f"{prefix}-{number}.readings")}
        lost += len(promised - found)
        assert revived.terminate() == 0
    figure("power_cut.copies", COPIES)
    figure("power_cut.acknowledged_at_last_copy", len(copies[-1][1]))
    figure("power_cut.lost", lost)
    assert lost == 0
