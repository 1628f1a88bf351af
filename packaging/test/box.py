#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One box from its first boot to its decommissioning: box.py ROOT REPOSITORY DIST, called by boot.sh.

Every message published has to be in Kafka at the end, whatever was done to the box in between.
"""
import json
import pathlib
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/system"))
from harness.gateway import pending, unique_received  # noqa: E402
from harness.kafka import Kafka  # noqa: E402
from harness.numbered import Account, numbered  # noqa: E402
from harness.process import Child, free_port, wait_until  # noqa: E402
from harness.publisher import Publisher  # noqa: E402

RATE = 200
WATCHDOG = 6
APT = "apt-get -q -y -o APT::Install-Recommends=false -o Dpkg::Options::=--force-confold"
CONFIG = """# Of the test: ours before the package comes, so it must survive everything but purge.
[gateway]
id = "box"
clock = "trusted"

[mqtt]
url = "mqtt://localhost:{mqtt}"         # names are looked up inside the sandbox

[kafka]
brokers = "{kafka}"
prefix = "box"

[[stream]]
name = "factory"
topics = "factory/#"
forward = "raw"
"""


def say(text):
    print(f"{time.monotonic() - BEGAN:6.1f} s  {text}", flush=True)


class Box:
    """The booted root; commands run in its namespaces as root."""

    def __init__(self, root, repo, dist, log):
        self.root, self.log = pathlib.Path(root), log
        command = ["systemd-nspawn", "-D", root, "--register=no", "--keep-unit", "--boot", "--quiet", "--console=pipe",
                   f"--bind-ro={repo}:/srv/repo"]
        if dist != "bookworm":  # newer systemd wants to be told to live with this machine's cgroups
            command.append("--setenv=SYSTEMD_PROC_CMDLINE=SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 systemd.unified_cgroup_hierarchy=0")
        self.child = Child(command, log)

    def boot(self):
        self.child.start()
        children = pathlib.Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children")
        wait_until(lambda: children.read_text().split(), 30, "a first process in the box")
        self.init = children.read_text().split()[0]
        wait_until(lambda: self.run("systemctl is-system-running", check=False).strip() in ("running", "degraded"), 90,
                   lambda: "a booted box; " + self.child.tail(), every=0.3)

    def run(self, command, check=True, timeout=240):
        done = subprocess.run(["nsenter", "-t", self.init, "-m", "-u", "-i", "-p", "--", "/bin/sh", "-c", command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"})
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}\n{self.journal()}")
        return done.stdout

    def journal(self):
        return self.run("journalctl -u tributary -n 30 --no-pager -o cat", check=False)

    def show(self, name, unit="tributary"):
        return self.run(f"systemctl show -P {name} {unit}").strip()

    def status(self):
        try:
            answer = json.loads(self.run("tributary status --json", check=False))
        except json.JSONDecodeError:
            return None
        return answer if "ledger" in answer else None

    def wait(self, predicate, what, timeout=60):
        return wait_until(lambda: (s := self.status()) and predicate(s) and s, timeout, lambda: f"{what}: {self.status()}\n{self.journal()}",
                          every=0.3)

    def pid(self):
        """Of the gateway as this machine counts; None between two of them."""
        inside = self.show("MainPID")
        for path in pathlib.Path("/proc").glob("[0-9]*/status"):
            try:
                text = path.read_text()
            except OSError:
                continue
            if re.search(rf"^NSpid:.*\t{inside}$", text, re.M) and re.search(r"^Name:\ttributary$", text, re.M):
                return int(path.parent.name)
        return None

    def files(self):
        out = self.run("find / -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/tmp -o -path /var/log "
                       "-o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg \\) -prune -o -print")
        return set(out.split("\n"))


class Traffic:
    """Publishes numbered messages in the background, without a pause, until it is stopped."""

    def __init__(self, port):
        self.port, self.sent, self.stopping, self.error = port, 0, False, None
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            with Publisher(self.port) as publisher:
                while not self.stopping:
                    publisher.publish(numbered(RATE // 4, start=self.sent), rate=RATE)
                    self.sent += RATE // 4
                publisher.finish()
        except Exception as error:  # told by stop()
            self.error = error

    def start(self):
        self.thread.start()
        return self

    def stop(self):
        self.stopping = True
        self.thread.join(60)
        if self.error:
            raise self.error
        return self.sent


def install(box, port, brokers, dist):
    write = {"etc/mosquitto/conf.d/port.conf": f"listener {port} 127.0.0.1\nallow_anonymous true\n",
             "etc/tributary/conf.d/50-test.toml": CONFIG.format(mqtt=port, kafka=brokers),
             "etc/apt/sources.list.d/tributary.list": f"deb [signed-by=/srv/repo/tributary.gpg] file:/srv/repo {dist} main\n"}
    (box.root / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost ip6-localhost\n")  # as Debian's installer leaves it
    before = box.files()
    for name, text in write.items():
        (box.root / name).parent.mkdir(parents=True, exist_ok=True)
        (box.root / name).write_text(text)
    box.run(f"{APT} update && {APT} install mosquitto")
    before |= {name for name in box.files() if not name.startswith("/etc/tributary")}
    version = sorted(box.run("apt-cache madison tributary | awk '{print $3}'").split(), key=len)[0]
    box.run(f"{APT} install tributary={version}")
    box.run("cp /usr/share/tributary/examples/mosquitto.conf /etc/mosquitto/conf.d/tributary.conf && systemctl restart mosquitto")
    return before, version


def check_sandbox(box):
    status = pathlib.Path(f"/proc/{box.pid()}/status").read_text()
    for line in ("CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"):
        assert line in status, status
    assert box.show("User") == "tributary" and box.show("ProtectClock") == "yes"
    assert box.run("stat -c '%U %a' /var/lib/tributary").split() == ["tributary", "750"]
    assert box.show("ActiveState", "tributary-clock") == "active"
    assert re.fullmatch(r"\d+ [01]\n", box.run("cat /run/tributary-clock/state"))
    assert box.run("systemctl is-enabled tributary").strip() == "enabled"
    assert box.run("systemd-analyze verify --man=no tributary.service tributary@x.service").strip() == ""
    exposure = re.search(r"Overall exposure level for tributary.service: ([\d.]+)", box.run("systemd-analyze security --no-pager tributary"))
    say(f"FIGURE package.exposure = {exposure.group(1)}")
    assert float(exposure.group(1)) <= 1.2


def idle_memory(box):
    """What is resident and what of it is its own: the rest are pages of the program's and the shared libraries' files."""
    time.sleep(15)  # what the start alone needed has been let go of
    text = pathlib.Path(f"/proc/{box.pid()}/status").read_text()
    all_of_it, own = (int(re.search(rf"{name}:\s+(\d+)", text).group(1)) / 1024 for name in ("VmRSS", "RssAnon"))
    say(f"FIGURE package.idle_rss_mib = {all_of_it:.1f}, of it {own:.1f} its own")
    assert all_of_it <= 15 and own <= 6, text


def board(box):
    box.run("tributary profile apply x86-ipc && tributary check && systemctl daemon-reload && systemctl restart tributary")
    assert box.show("MemoryMax") not in ("infinity", "")
    box.wait(lambda s: s["mqtt"]["connected"], "a connection to the broker")


def another(box, before):
    return box.show("ActiveState") == "active" and box.pid() not in (None, before)


def killed(box):
    before = box.pid()
    box.run("systemctl kill -s KILL tributary")
    wait_until(lambda: another(box, before), 60, "a new gateway", every=0.3)
    box.wait(lambda s: s["mqtt"]["connected"], "a connection after kill -9")


def stopped(box):
    before = box.pid()
    box.run("systemctl kill -s STOP tributary")
    wait_until(lambda: another(box, before), WATCHDOG + 90, "the watchdog's restart", every=0.5)
    box.wait(lambda s: s["mqtt"]["connected"], "a connection after SIGSTOP")
    assert "watchdog" in box.run("journalctl -u tributary --no-pager -o cat").lower()


def reloaded(box):
    pid = box.pid()
    (box.root / "etc/tributary/conf.d/60-label.toml").write_text("[mqtt]\nkeepalive = \"30s\"\n")
    box.run("systemctl reload tributary")
    wait_until(lambda: "reload" in box.journal(), 20, box.journal)
    (box.root / "etc/tributary/conf.d/60-label.toml").write_text("[mqtt\n")
    box.run("systemctl reload tributary")
    wait_until(lambda: "TRB-CONFIG" in box.journal(), 20, box.journal)
    (box.root / "etc/tributary/conf.d/60-label.toml").unlink()
    box.run("systemctl reload tributary")
    assert box.pid() == pid


def upgraded(box, version):
    before = box.status()["ledger"]
    box.run(f"{APT} upgrade")
    assert box.run("dpkg-query -W -f '${Version}' tributary") != version
    box.wait(lambda s: s["mqtt"]["connected"], "a connection after the upgrade")
    assert (box.root / "etc/tributary/conf.d/50-test.toml").exists()
    box.run(f"{APT} install --allow-downgrades tributary={version}")
    box.wait(lambda s: s["mqtt"]["connected"], "a connection after the downgrade")
    after = box.status()["ledger"]
    for name, account in before["streams"].items():
        assert after["streams"][name]["received"] >= account["received"], "the ledger did not survive"
    assert box.run("systemctl is-enabled tributary").strip() == "enabled"


def second_gateway(box, port, brokers):
    text = CONFIG.format(mqtt=port, kafka=brokers).replace('"box"', '"line2"').replace("factory/#", "line2/#")
    folder = box.root / "etc/tributary/line2"
    folder.mkdir()
    (folder / "tributary.toml").write_text(text + '\n[store]\npath = "/var/lib/tributary-line2/store.db"\n')
    box.run("systemctl start tributary@line2")
    socket = "/run/tributary-line2/control.sock"
    wait_until(lambda: '"connected":true' in box.run(f"tributary status --json --socket {socket}", check=False), 30,
               lambda: box.run("journalctl -u tributary@line2 --no-pager -o cat"), every=0.3)


def credentials(box):
    """A secret that systemd hands over: it is read, by the gateway alone."""
    secret = box.root / "etc/tributary/secrets/mqtt-password"
    secret.write_text("a secret\n")
    secret.chmod(0o600)
    drop_in = box.root / "etc/systemd/system/tributary.service.d/20-credentials.conf"
    drop_in.write_text("[Service]\nLoadCredential=mqtt-password:/etc/tributary/secrets/mqtt-password\n")
    user = box.root / "etc/tributary/conf.d/70-user.toml"
    user.write_text('[mqtt]\nusername = "line1"\npassword_file = "/run/credentials/tributary.service/mqtt-password"\n')
    box.run("systemctl daemon-reload && systemctl restart tributary")
    box.wait(lambda s: s["mqtt"]["connected"], "a connection with a password")
    user.unlink()
    drop_in.unlink()
    box.run("systemctl daemon-reload && systemctl restart tributary")
    box.wait(lambda s: s["mqtt"]["connected"], "a connection without one")


def newer_store(box):
    """Exit 3 is told and not tried again; the store is as it was."""
    box.run("systemctl stop tributary")
    store = box.root / "var/lib/tributary/store.db"
    with sqlite3.connect(store) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.execute("PRAGMA user_version = 9999")
    connection.close()
    box.run("systemctl start tributary", check=False)
    wait_until(lambda: box.show("ActiveState") == "failed", 30, box.journal, every=0.3)
    assert box.show("ExecMainStatus") == "3" and "TRB-STORE-001" in box.journal()
    with sqlite3.connect(store) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 9999
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    box.run("systemctl start tributary")
    box.wait(lambda s: s["mqtt"]["connected"], "a connection with the store of before")


def removed(box, before):
    store, config = box.root / "var/lib/tributary/store.db", box.root / "etc/tributary/tributary.toml"
    box.run(f"{APT} remove tributary")
    assert store.exists() and config.exists()
    assert box.run("pgrep -c '^tributary'", check=False).strip() == "0", box.run("ps ax")
    box.run(f"{APT} purge tributary && {APT} autoremove --purge")
    # Libraries may stay that something else recommends: what other packages own is theirs.
    owned = set(re.sub(r"^/(lib|bin|sbin)(?=/|$)", r"/usr/\1", box.run("cat /var/lib/dpkg/info/*.list"), flags=re.M).split("\n"))
    left = box.files() - before - owned - {"/etc/mosquitto/conf.d/tributary.conf", "/var/lib/mosquitto/mosquitto.db"}
    # What belongs to the system's users: a user is kept, as everywhere in Debian, so that its number is not given again.
    left = sorted(name for name in left if name not in ("/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-"))
    assert left == [], left
    assert box.run("systemctl list-units --all --no-legend 'tributary*'", check=False).strip() == ""


def main(root, repo, dist):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tributary-box-"))
    port = free_port()
    kafka, box = Kafka(folder / "kafka"), Box(root, repo, dist, folder / "boot.log")
    try:
        kafka.start()
        box.boot()
        say("booted")
        before, version = install(box, port, kafka.brokers, dist)
        box.wait(lambda s: s["mqtt"]["connected"], "a connection to the broker")
        say(f"tributary {version} installed by apt and running")
        check_sandbox(box)
        idle_memory(box)
        board(box)
        watchdog = box.root / "etc/systemd/system/tributary.service.d/30-watchdog.conf"
        watchdog.write_text(f"[Service]\nWatchdogSec={WATCHDOG}s\n")
        box.run("systemctl daemon-reload && systemctl restart tributary")
        box.wait(lambda s: s["mqtt"]["connected"], "a connection to the broker")
        traffic = Traffic(port).start()
        for what, step in (("kill -9", lambda: killed(box)), ("SIGSTOP and watchdog", lambda: stopped(box)), ("reload", lambda: reloaded(box)),
                           ("upgrade and back", lambda: upgraded(box, version)), ("credentials", lambda: credentials(box)),
                           ("a store of a newer version", lambda: newer_store(box)),
                           ("a second gateway", lambda: second_gateway(box, port, kafka.brokers))):
            step()
            say(what)
        count = traffic.stop()
        box.wait(lambda s: unique_received(s) >= count and pending(s) == 0, "everything in Kafka", 120)
        account = Account(kafka.read("box.readings"), count)
        say(f"FIGURE package.messages = {count}, lost {len(account.lost)}, under two ids {account.two_ids}, reordered {account.reordered}")
        assert (account.lost, account.strange, account.nameless) == ([], [], 0)
        watchdog.unlink()
        removed(box, before)
        say("removed and purged")
    finally:
        if box.child.alive():
            box.child.signal(signal.SIGTERM)  # nspawn tells the first process to power off
        try:
            wait_until(lambda: not box.child.alive(), 30, "an end of the box")
        except TimeoutError:
            box.child.stop()
        kafka.stop()


if __name__ == "__main__":
    BEGAN = time.monotonic()
    main(*sys.argv[1:4])
