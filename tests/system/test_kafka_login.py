# SPDX-License-Identifier: Apache-2.0
"""A cluster that asks who we are and what we may: passwords, tokens that end, rights that are withdrawn, quotas. What is not granted waits in
the store, says what to do, and goes on by itself."""
import base64
import http.server
import json
import threading
import time

import pytest

from harness.gateway import COUNTED_STREAM, RAW_STREAM, tributary, well
from harness.kafka import Kafka
from harness.numbered import Account, numbered
from harness.process import wait_until
from harness.publisher import publish_all

SECRET = "hush-77ab-planted"
ACL = "org.apache.kafka.tools.AclCommand"
CONFIG = "kafka.admin.ConfigCommand"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    broker = Kafka(tmp_path_factory.mktemp("login-kafka"))
    broker.sasl = broker.demand_login({"line1": SECRET, "other": "x"})
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def granted(cluster, prefix):
    """Everything on our topics."""
    cluster.tool(ACL, "--add", "--allow-principal", "User:line1", "--operation", "All", "--topic", prefix, "--resource-pattern-type",
                 "prefixed")


def code_of(status, component):
    return next((entry["code"] for entry in status["health"] if entry["component"] == component and not entry["ok"]), None)


def text_of(status, component):
    return next((entry["text"] for entry in status["health"] if entry["component"] == component and not entry["ok"]), "")


def password_login(folder, password=SECRET, extra=""):
    (folder / "password").write_text(password + "\n")
    (folder / "password").chmod(0o600)
    return f"""
username = "line1"
password_file = "{folder}/password"
[kafka.properties]
"security.protocol" = "SASL_PLAINTEXT"
"sasl.mechanisms" = "PLAIN"
{extra}"""


def test_password_from_a_file(cluster, granted, mosquitto, make_gateway, prefix, tmp_path):
    gateway = make_gateway(mqtt_port=mosquitto.port, brokers=cluster.sasl, kafka=password_login(tmp_path, "wrong", '"debug" = "security"'))
    online = tributary("check", "--online", "--config", gateway.config, timeout=60)
    assert online.returncode == 1 and "uthentication" in online.stdout, online.stdout
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, numbered(500))
    status = gateway.wait_status(lambda s: "password_file" in text_of(s, "kafka"), 60, "a login that is refused, and what to do")
    assert status["kafka"]["delivered"] == 0
    pid = gateway.pid
    (tmp_path / "password").write_text(SECRET + "\n")  # taken without a restart
    gateway.wait_drained(500)
    assert gateway.pid == pid
    account = Account(cluster.read(f"{prefix}.readings"), 500)
    assert account.lost == [] and account.repeated == 0
    shown = [gateway.log(), online.stdout, online.stderr]
    shown += [tributary("status", *words, "--socket", gateway.socket).stdout for words in ([], ["--json"], ["--metrics"])]
    assert all(SECRET not in text for text in shown)


def test_rights_withdrawn_and_given_back(cluster, granted, mosquitto, make_gateway, prefix, tmp_path, figure):
    gateway = make_gateway(mqtt_port=mosquitto.port, brokers=cluster.sasl, kafka=password_login(tmp_path), streams=RAW_STREAM + COUNTED_STREAM)
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, numbered(1000))
    gateway.wait_drained(1000)
    deny = ("--deny-principal", "User:line1", "--operation", "Write", "--topic", f"{prefix}.readings")
    cluster.tool(ACL, "--add", *deny)
    publish_all(mosquitto.port, numbered(1000, start=1000))
    status = gateway.wait_status(lambda s: code_of(s, "kafka") == "TRB-KAFKA-006", 60, "a right that is missing")
    assert "kafka-acls.sh" in text_of(status, "kafka")
    wait_until(lambda: len(cluster.read(f"{prefix}.windows")) == 200, 30, "windows of all messages: another topic is not held up", every=0.5)
    pid = gateway.pid
    cluster.tool(ACL, "--remove", "--force", *deny)
    gateway.wait_drained(2000, 90)
    account = Account(cluster.read(f"{prefix}.readings"), 2000)
    figure("rights.lost", len(account.lost))
    figure("rights.refused", gateway.status()["kafka"]["refused"])
    assert account.lost == [] and account.reordered == 0 and gateway.pid == pid
    gateway.wait_status(lambda s: well(s, "kafka"), 30, "health")


@pytest.mark.nightly
def test_a_quota_slows_down_and_is_named(cluster, granted, mosquitto, make_gateway, prefix, tmp_path):
    quota = ("--alter", "--entity-type", "users", "--entity-name", "line1")
    cluster.tool(CONFIG, *quota, "--add-config", "producer_byte_rate=20000")
    try:
        gateway = make_gateway(mqtt_port=mosquitto.port, brokers=cluster.sasl, kafka=password_login(tmp_path))
        gateway.start()
        mosquitto.wait_subscribed()
        publish_all(mosquitto.port, [(topic, payload + b" " * 200) for topic, payload in numbered(4000)])
        status = gateway.wait_status(lambda s: code_of(s, "kafka-quota") == "TRB-KAFKA-014", 60, "a quota that is named")
        assert "producer_byte_rate" in text_of(status, "kafka-quota")
    finally:
        cluster.tool(CONFIG, *quota, "--delete-config", "producer_byte_rate")
    gateway.wait_drained(4000, 120)
    assert gateway.status()["kafka"]["refused"] == 0
    gateway.wait_status(lambda s: well(s, "kafka-quota"), 60, "the end of the throttling")


class Provider:
    """A token endpoint: client credentials, unsigned tokens that live for `lifetime` seconds."""

    def __init__(self, lifetime):
        self.asked, self.open = 0, True
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                provider.asked += 1
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                login = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
                fine = provider.open and login == f"line1:{SECRET}" and "grant_type=client_credentials" in form and "scope=kafka" in form
                part = lambda body: base64.urlsafe_b64encode(json.dumps(body).encode()).rstrip(b"=").decode()  # noqa: E731
                now = int(time.time())
                token = f"{part({'alg': 'none'})}.{part({'sub': 'line1', 'iat': now, 'exp': now + lifetime})}."
                body = {"access_token": token, "token_type": "Bearer", "expires_in": lifetime} if fine else {"error": "invalid_client"}
                text = json.dumps(body).encode()
                self.send_response(200 if fine else 401)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.nightly
def test_tokens_that_end(cluster, granted, mosquitto, make_gateway, prefix, tmp_path, figure):
    provider = Provider(lifetime=12)
    provider.open = False
    (tmp_path / "secret").write_text(SECRET + "\n")
    (tmp_path / "secret").chmod(0o600)
    try:
        gateway = make_gateway(mqtt_port=mosquitto.port, brokers=cluster.sasl, kafka=f"""
properties = {{ "security.protocol" = "SASL_PLAINTEXT" }}
oauth = {{ token_url = "{provider.url}", client_id = "line1", client_secret_file = "{tmp_path}/secret", scope = "kafka" }}""")
        gateway.start()
        mosquitto.wait_subscribed()
        publish_all(mosquitto.port, numbered(500))
        status = gateway.wait_status(lambda s: not well(s, "kafka"), 60, "no token, said so")
        assert "invalid_client" in text_of(status, "kafka") + gateway.log()
        provider.open = True  # goes on by itself
        gateway.wait_drained(500, 90)
        before = provider.asked
        for part in range(1, 7):
            publish_all(mosquitto.port, numbered(100, start=400 + part * 100))
            time.sleep(4)
        gateway.wait_drained(1100)
        figure("oauth.tokens", provider.asked - before)
        assert provider.asked >= before + 2
        account = Account(cluster.read(f"{prefix}.readings"), 1100)
        assert account.lost == [] and account.repeated == 0
        shown = [gateway.log()] + [tributary("status", *words, "--socket", gateway.socket).stdout for words in ([], ["--json"])]
        assert all(SECRET not in text for text in shown)
    finally:
        provider.close()
