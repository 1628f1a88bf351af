# SPDX-License-Identifier: Apache-2.0
"""A small MQTT 3.1.1 QoS 1 publisher on a bare socket: thousands of messages a second and no library in between."""
import socket
import ssl
import struct
import threading
import time


def _text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(data)) + data


def _packet(kind, body):
    length = len(body)
    out = bytearray([kind])
    while True:
        length, digit = divmod(length, 128)
        out.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(out) + body


class Publisher:
    """Messages leave in the order given; finish() returns when the broker has acknowledged every one."""

    WINDOW = 1000

    def __init__(self, port, client_id="publisher", user=None, password=None, certificates=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        if certificates:
            context = ssl.create_default_context(cafile=f"{certificates}/ca.pem")
            context.load_cert_chain(f"{certificates}/client.pem", f"{certificates}/client.key")
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent = self.acknowledged = 0
        self.changed = threading.Condition()
        self.error = None
        flags = 0x02 | (0x80 if user else 0) | (0x40 if password else 0)
        body = _text("MQTT") + bytes([4, flags]) + struct.pack(">H", 600) + _text(client_id)
        body += _text(user) if user else b""
        body += _text(password) if password else b""
        self.socket.sendall(_packet(0x10, body))
        answer = self._read_exactly(4)
        if answer[:2] != b"\x20\x02" or answer[3] != 0:
            raise ConnectionError(f"the broker refused the publisher: {answer!r}")
        threading.Thread(target=self._acknowledgements, daemon=True).start()

    def _read_exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise ConnectionError("the broker closed the publisher's connection")
            data += part
        return data

    def _acknowledgements(self):
        try:
            self.socket.settimeout(None)
            rest = b""
            while True:
                data = self.socket.recv(65536)
                if not data:
                    raise ConnectionError("the broker closed the publisher's connection")
                rest += data
                packets = len(rest) // 4
                rest = rest[packets * 4:]
                with self.changed:
                    self.acknowledged += packets  # nothing but 4-byte PUBACKs comes to a publisher
                    self.changed.notify_all()
        except (OSError, ValueError) as error:
            with self.changed:
                self.error = error
                self.changed.notify_all()

    def _wait(self, condition, timeout=60):
        with self.changed:
            done = self.changed.wait_for(lambda: condition() or self.error, timeout)
        if not done or not condition():
            raise ConnectionError(f"publisher: {self.acknowledged} of {self.sent} acknowledged; {self.error or 'timeout'}")

    def publish(self, messages, rate=None, retain=False):
        """messages: (topic, payload) pairs; rate: messages a second, None = as fast as it goes."""
        started, count, out = time.monotonic(), 0, bytearray()
        for topic, payload in messages:
            if rate:
                due = started + count / rate
                wait = due - time.monotonic()
                if wait > 0:
                    self._send(out)
                    time.sleep(wait)
            count += 1
            self.sent += 1
            data = payload.encode() if isinstance(payload, str) else payload
            identifier = (self.sent - 1) % 65535 + 1
            out += _packet(0x33 if retain else 0x32, _text(topic) + struct.pack(">H", identifier) + data)
            if len(out) > 16384:
                self._send(out)
            if self.sent - self.acknowledged >= self.WINDOW:
                self._send(out)
                self._wait(lambda: self.sent - self.acknowledged < self.WINDOW // 2)
        self._send(out)
        return count

    def _send(self, out):
        if out:
            self.socket.sendall(out)
            out.clear()

    def finish(self):
        self._wait(lambda: self.acknowledged >= self.sent)

    def close(self):
        try:
            self.socket.sendall(b"\xe0\x00")
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def publish_all(port, messages, rate=None, **options):
    """Connects, publishes, waits for the last acknowledgement."""
    with Publisher(port, **options) as publisher:
        count = publisher.publish(messages, rate)
        publisher.finish()
    return count
