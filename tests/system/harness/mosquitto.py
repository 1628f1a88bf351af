# SPDX-License-Identifier: Apache-2.0
"""The mosquitto of the distribution as a child on a free loopback port."""
import os
import pathlib
import re
import shutil
import subprocess

from .process import Child, can_connect, free_port, wait_until

BINARY = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")

OPEN_QUEUE = ["max_queued_messages 0", "max_queued_bytes 0"]
DEBIAN_DEFAULTS = []  # a queue of 1,000 messages and a window of 20 are compiled in


class Mosquitto(Child):
    def __init__(self, folder, options=(), listener_options=("allow_anonymous true",)):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        lines = [f"listener {self.port} 127.0.0.1", *listener_options, *options, "persistence true",
                 f"persistence_location {self.folder}/", "log_dest stderr"]
        lines += [f"log_type {kind}" for kind in ("error", "warning", "notice", "information", "subscribe", "unsubscribe")]
        if os.geteuid() == 0:
            lines.append("user root")  # it would become its own user and could not read our folder
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        super().__init__([BINARY, "-c", config], self.folder / "mosquitto.log")

    def start(self):
        super().start()
        try:
            wait_until(lambda: can_connect(self.port) or not self.alive(), 10, "listening mosquitto")
            assert self.alive(), "mosquitto ended at once:\n" + self.tail()
        except BaseException:
            self.stop()
            raise
        return self

    def subscriptions(self):
        """How many subscriptions it has granted so far, to whomever."""
        return len(re.findall(r"^\d+: \S+ [012] \S+$", self.log(), re.M))

    def wait_subscribed(self, more_than=0, timeout=20):
        wait_until(lambda: self.subscriptions() > more_than, timeout, "subscription at mosquitto")


def make_certificates(folder):
    """A throw-away authority, a server and a client certificate, by the openssl program."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=60)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "60", "-subj", "/CN=test authority")
    for name in ("server", "client"):
        issue(folder, name)
    return folder


def issue(folder, name, host="localhost", days=60):
    """<name>.pem and <name>.key, signed by the folder's authority; days below 0: ended already."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=60)

    (folder / "san.cnf").write_text(f"subjectAltName=DNS:{host}" + (",IP:127.0.0.1\n" if host == "localhost" else "\n"))
    openssl("req", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    words = ["x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.pem",
             "-extfile", "san.cnf"]
    if days > 0:
        return openssl(*words, "-days", str(days))
    # x509 cannot date back; faketime can.
    subprocess.run(["faketime", "-m", "-f", f"{days - 1}d", "openssl", *words, "-days", "1"], cwd=folder, check=True,
                   capture_output=True, timeout=60)


def tls_listener(certificates, mutual):
    lines = ["allow_anonymous true", f"cafile {certificates}/ca.pem", f"certfile {certificates}/server.pem",
             f"keyfile {certificates}/server.key"]
    return lines + (["require_certificate true"] if mutual else [])


def password_listener(folder, user, password):
    path = pathlib.Path(folder) / "passwords"
    path.touch()
    subprocess.run(["mosquitto_passwd", "-b", path, user, password], check=True, capture_output=True, timeout=20)
    return ["allow_anonymous false", f"password_file {path}"]
