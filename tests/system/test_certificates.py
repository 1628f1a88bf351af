# SPDX-License-Identifier: Apache-2.0
"""TLS on both sides with a private authority: what is wrong is refused with the reason, certificates change under load without a restart
and without loss, half a change is not taken, and no secret is shown anywhere."""
import pathlib
import shutil
import subprocess
import time

import pytest

from harness.gateway import tributary, unique_received, well
from harness.kafka import Kafka
from harness.mosquitto import issue, make_certificates, tls_listener
from harness.numbered import Account, numbered
from harness.process import Child, can_connect, free_port, wait_until
from harness.publisher import publish_all
from test_handover import Background

COUNT = 24_000
SECRET = "hush-5e11-planted"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    if shutil.which("openssl") is None or shutil.which("faketime") is None:
        pytest.skip("openssl or faketime is not installed (scripts/setup.sh)")
    folder = make_certificates(tmp_path_factory.mktemp("authority"))
    issue(folder, "elsewhere", host="other.plant.example")
    issue(folder, "ended", days=-3)
    make_certificates(folder / "foreign")
    return folder


@pytest.fixture(scope="module")
def tls_kafka(authority, tmp_path_factory):
    broker = Kafka(tmp_path_factory.mktemp("tls-kafka"))
    broker.tls = broker.demand_tls(authority)
    broker.start()
    yield broker
    broker.stop()


def kafka_options(folder, extra="", delivery=""):
    return f"""{delivery}
[kafka.properties]
"security.protocol" = "ssl"
"ssl.ca.location" = "{folder}/ca.pem"
"ssl.certificate.location" = "{folder}/client.pem"
"ssl.key.location" = "{folder}/client.key"
{extra}"""


def mqtt_options(folder):
    return f'tls = {{ ca = "{folder}/ca.pem", cert = "{folder}/client.pem", key = "{folder}/client.key" }}'


def own(authority, folder):
    """The gateway's own copies, which can be exchanged."""
    folder.mkdir()
    for name in ("ca.pem", "client.pem", "client.key"):
        shutil.copy(authority / name, folder / name)
    return folder


@pytest.mark.parametrize("delivery", [pytest.param("", id="at-least-once"),
                                      pytest.param('delivery = "exactly-once"', id="exactly-once", marks=pytest.mark.nightly)])
def test_rotation_under_load(delivery, authority, tls_kafka, make_mosquitto, make_gateway, prefix, tmp_path, figure):
    name = "exactly" if delivery else "at_least"
    broker = make_mosquitto(["max_queued_messages 0"], tls_listener(authority, mutual=True))
    files = own(authority, tmp_path / "files")
    gateway = make_gateway(url=f"mqtts://localhost:{broker.port}", mqtt=mqtt_options(files), brokers=tls_kafka.tls,
                           kafka=kafka_options(files, delivery=delivery))
    gateway.start()
    broker.wait_subscribed()
    pid = gateway.pid
    load = Background(publish_all, broker.port, numbered(COUNT), rate=1500,
                      certificates=authority)
    time.sleep(3)
    before = gateway.status()
    issue(authority, "next")
    shutil.copy(authority / "next.pem", files / "client.pem")  # the key follows later
    status = gateway.wait_status(lambda s: not well(s, "tls-kafka") and not well(s, "tls-mqtt"), 30, "half a change that is not taken")
    assert {e["code"] for e in status["health"] if not e["ok"]} == {"TRB-TLS-002"}
    assert status["mqtt"]["connections"] == before["mqtt"]["connections"] and status["kafka"]["producers"] == before["kafka"]["producers"]
    shutil.copy(authority / "next.key", files / "client.key")
    gateway.wait_status(lambda s: s["kafka"]["producers"] > before["kafka"]["producers"] and s["mqtt"]["connected"] and
                        s["mqtt"]["connections"] > before["mqtt"]["connections"], 60, "new connections on both sides")
    load.finish(120)
    status = gateway.wait_drained(COUNT, 120)
    account = Account(tls_kafka.read(f"{prefix}.readings"), COUNT)
    figure(f"rotation.{name}.lost", len(account.lost))
    figure(f"rotation.{name}.twice", account.repeated)
    figure(f"rotation.{name}.connections", status["mqtt"]["connections"] - before["mqtt"]["connections"])
    figure(f"rotation.{name}.producers", status["kafka"]["producers"] - before["kafka"]["producers"])
    assert account.lost == [] and account.strange == [] and account.reordered == 0
    assert account.repeated == 0  # what was in flight landed first
    assert status["mqtt"]["connections"] == before["mqtt"]["connections"] + 1
    assert gateway.pid == pid and gateway.alive()
    assert all(well(status, part) for part in ("tls-mqtt", "tls-kafka", "kafka", "mqtt"))


@pytest.mark.parametrize("what, change, word", [
    ("another authority", lambda a, f: shutil.copy(a / "foreign/ca.pem", f / "ca.pem"), "certificate verify failed"),
    pytest.param("an ended client certificate", lambda a, f: [shutil.copy(a / f"ended.{e}", f / f"client.{e}") for e in ("pem", "key")], "certificate", marks=pytest.mark.nightly),
    pytest.param("a foreign client certificate", lambda a, f: [shutil.copy(a / f"foreign/client.{e}", f / f"client.{e}") for e in ("pem", "key")],
     "certificate", marks=pytest.mark.nightly),
    ("a key of another certificate", lambda a, f: shutil.copy(a / "foreign/client.key", f / "client.key"), "key"),
])
def test_what_is_wrong_is_refused_with_the_reason(what, change, word, authority, tls_kafka, make_mosquitto, make_gateway, tmp_path):
    broker = make_mosquitto([], tls_listener(authority, mutual=True))
    files = own(authority, tmp_path / "files")
    change(authority, files)
    gateway = make_gateway(url=f"mqtts://localhost:{broker.port}", mqtt=mqtt_options(files), brokers=tls_kafka.tls,
                           kafka=kafka_options(files))
    done = tributary("check", "--online", "--config", gateway.config, timeout=60)
    text = done.stdout + done.stderr
    assert done.returncode == 1, text
    assert word in text.lower(), text


@pytest.mark.parametrize("server, word", [pytest.param("elsewhere", "verify", marks=pytest.mark.nightly),
                                          pytest.param("ended", "verify", marks=pytest.mark.nightly)])
def test_servers_that_are_not_who_they_should_be(server, word, authority, tmp_path, make_mosquitto, make_gateway):
    kafka = Kafka(tmp_path / "kafka")
    address = kafka.demand_tls(authority, server)
    lines = [line.replace("server.", f"{server}.") for line in tls_listener(authority, mutual=False)]
    broker = make_mosquitto([], lines)
    kafka.start()
    try:
        files = own(authority, tmp_path / "files")
        gateway = make_gateway(url=f"mqtts://localhost:{broker.port}", mqtt=mqtt_options(files), brokers=address,
                               kafka=kafka_options(files))
        done = tributary("check", "--online", "--config", gateway.config, timeout=60)
        text = done.stdout + done.stderr
        assert done.returncode == 1, text
        assert word in text.lower(), text
        gateway.start()
        status = gateway.wait_status(lambda s: not well(s, "kafka") and not well(s, "mqtt"), 60, "both sides refused")
        assert not status["mqtt"]["connected"] and not status["kafka"]["connected"]
        if server == "ended":  # of a wrong name Paho says only that it failed
            assert "certificate verify failed" in status["mqtt"]["error"]
    finally:
        kafka.stop()


@pytest.mark.nightly
def test_a_weak_protocol_is_refused(authority, tmp_path, make_gateway):
    """A server that speaks TLS 1.1 only."""
    port = free_port()
    server = Child(["openssl", "s_server", "-accept", port, "-tls1_1", "-cert", authority / "server.pem", "-key", authority / "server.key",
                    "-cipher", "DEFAULT@SECLEVEL=0", "-quiet"], tmp_path / "server.log")
    server.start()
    try:
        wait_until(lambda: can_connect(port), 10, "a server")
        files = own(authority, tmp_path / "files")
        gateway = make_gateway(url=f"mqtts://localhost:{port}", mqtt=mqtt_options(files), brokers=f"localhost:{port}", kafka=kafka_options(files))
        done = tributary("check", "--online", "--config", gateway.config, timeout=60)
        assert done.returncode == 1 and done.stdout.count("FAILED") == 2, done.stdout
        assert "TLS 1.2" in done.stdout
    finally:
        server.stop()


def test_no_secret_is_shown(authority, tls_kafka, make_mosquitto, make_gateway, prefix, tmp_path):
    files = own(authority, tmp_path / "files")
    subprocess.run(["openssl", "pkcs8", "-topk8", "-in", authority / "client.key", "-out", files / "client.key", "-passout", f"pass:{SECRET}"],
                   check=True, capture_output=True, timeout=60)
    (tmp_path / "password").write_text(SECRET + "\n")
    broker = make_mosquitto([], tls_listener(authority, mutual=True))
    gateway = make_gateway(url=f"mqtts://localhost:{broker.port}", brokers=tls_kafka.tls,
                           mqtt=f'''tls = {{ ca = "{files}/ca.pem", cert = "{files}/client.pem", key = "{files}/client.key", key_password_file = "{tmp_path}/password" }}
username = "line1"
password_file = "{tmp_path}/password"''',
                           kafka=kafka_options(files, f'"ssl.key.password" = "{SECRET}"\n"debug" = "security,broker"'))
    gateway.start()
    broker.wait_subscribed()
    publish_all(broker.port, numbered(500), certificates=authority)
    gateway.wait_drained(500)
    shown = [tributary("status", *words, "--socket", gateway.socket).stdout for words in ([], ["--json"], ["--metrics"])]
    for words in (["check"], ["check", "--online"], ["check", "--json"]):
        done = tributary(*words, "--config", gateway.config, timeout=60)
        shown += [done.stdout, done.stderr]
    # Nor in what a crash would leave: no file, and nothing of our memory for whoever takes dumps.
    limits = pathlib.Path(f"/proc/{gateway.pid}/limits").read_text()
    assert next(line for line in limits.splitlines() if line.startswith("Max core file size")).split()[4:6] == ["0", "0"]
    assert int(pathlib.Path(f"/proc/{gateway.pid}/coredump_filter").read_text(), 16) == 0
    gateway.terminate()
    broken = tributary("check", "--config", gateway.config, env={"TRB_NOTHING": "1"})
    shown += [broken.stdout, broken.stderr, gateway.log()]
    shown += [str(path.read_bytes()) for path in gateway.folder.glob("store.db*")]
    shown += [str(record) for record in tls_kafka.read(f"{prefix}.status")]
    assert all(SECRET not in text for text in shown)
