# SPDX-License-Identifier: Apache-2.0
"""A real Apache Kafka broker, and a reader that shares no code with the gateway."""
import contextlib
import dataclasses
import os
import pathlib
import subprocess
import time

import confluent_kafka
from confluent_kafka.admin import AdminClient

from .process import Child, free_port, wait_until

SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "scripts/kafka.sh"


@dataclasses.dataclass
class Record:
    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    headers: dict
    timestamp: int

    @property
    def id(self):
        return self.headers.get("tb-id", "")


class Kafka(Child):
    """Killed and started again it has the same port and data. jvm: options for its java, see the script."""

    def __init__(self, folder, version=None, cluster_id=None, jvm=None):
        settings = {"KAFKA_VERSION": version, "KAFKA_CLUSTER_ID": cluster_id, "KAFKA_JVM": jvm}
        env = {name: value for name, value in settings.items() if value is not None}
        subprocess.run([SCRIPT, "install"], check=True, timeout=600, stdin=subprocess.DEVNULL, env={**os.environ, **env})
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port(2)
        self.brokers = f"127.0.0.1:{self.port}"
        super().__init__([SCRIPT, "run", self.folder, self.port], self.folder / "kafka.log", env=env)

    def tool(self, name, *words, given=None):
        """One of Kafka's own tools, against this broker; what it prints."""
        done = subprocess.run([SCRIPT, "tool", name, "--bootstrap-server", self.brokers, *words], input=given, capture_output=True, text=True,
                              timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def demand_login(self, users):
        """Before start(): a second listener with PLAIN (users: name -> password) and OAUTHBEARER (unsigned tokens), and rights: what nobody
        has granted is refused there. The plain listener may do everything."""
        self.sasl_port = free_port()
        plain, sasl, controller = (f"{name}://127.0.0.1:{port}" for name, port in
                                   (("PLAINTEXT", self.port), ("LOGIN", self.sasl_port), ("CONTROLLER", self.port + 1)))
        names = " ".join(f'user_{name}="{password}"' for name, password in users.items())
        (self.folder / "extra.properties").write_text(f"""
listeners={plain},{sasl},{controller}
advertised.listeners={plain},{sasl}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,LOGIN:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
listener.name.login.sasl.enabled.mechanisms=PLAIN,OAUTHBEARER
listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required {names};
listener.name.login.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
listener.name.login.connections.max.reauth.ms=10000
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
""")
        return f"127.0.0.1:{self.sasl_port}"

    def demand_tls(self, certificates, server="server"):
        """Before start(): a second listener that takes clients with a certificate of that authority."""
        self.tls_port = free_port()
        bundle = self.folder / "server-bundle.pem"
        bundle.write_text((certificates / f"{server}.key").read_text() + (certificates / f"{server}.pem").read_text())
        plain, tls, controller = (f"{name}://127.0.0.1:{port}" for name, port in
                                  (("PLAINTEXT", self.port), ("SSL", self.tls_port), ("CONTROLLER", self.port + 1)))
        (self.folder / "extra.properties").write_text(f"""
listeners={plain},{tls},{controller}
advertised.listeners={plain},{tls}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SSL:SSL,CONTROLLER:PLAINTEXT
ssl.keystore.type=PEM
ssl.keystore.location={bundle}
ssl.truststore.type=PEM
ssl.truststore.location={certificates}/ca.pem
ssl.client.auth=required
""")
        return f"127.0.0.1:{self.tls_port}"

    @contextlib.contextmanager
    def away(self):
        """Killed, and there again at the end, whatever happened meanwhile."""
        self.kill9()
        try:
            yield
        finally:
            self.start()

    def launch(self):
        """start() without waiting: of brokers that wait for each other."""
        super().start()

    def start(self):
        self.launch()
        try:
            wait_until(lambda: self.ready() or not self.alive(), 90, "answering Kafka", every=0.2)
            assert self.alive(), "Kafka ended at once:\n" + self.tail() + (self.folder / "stdout.log").read_text()[-2000:]
        except BaseException:
            self.stop()
            raise
        return self

    def ready(self):
        try:
            return bool(AdminClient({"bootstrap.servers": self.brokers, "log_level": 2}).list_topics(timeout=2).brokers)
        except confluent_kafka.KafkaException:
            return False

    def read(self, *topics, timeout=60):
        """All records of the topics, by partition and offset. A topic that does not exist has none."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.brokers, "group.id": "reader", "log_level": 2,
                                             "enable.auto.commit": False, "auto.offset.reset": "earliest",
                                             "enable.partition.eof": True, "fetch.wait.max.ms": 50})
        try:
            known = consumer.list_topics(timeout=timeout).topics
            parts = [confluent_kafka.TopicPartition(topic, number, 0)
                     for topic in topics if topic in known for number in known[topic].partitions]
            if not parts:
                return []
            consumer.assign(parts)
            return self._read_to_end(consumer, len(parts), timeout)
        finally:
            consumer.close()

    @staticmethod
    def _read_to_end(consumer, parts, timeout):
        records, ended = [], set()
        end = time.monotonic() + timeout
        while len(ended) < parts:
            batch = consumer.consume(2000, timeout=0.1)
            if batch:
                end = time.monotonic() + timeout
            elif time.monotonic() > end:
                raise TimeoutError(f"reading Kafka: nothing for {timeout} s")
            for message in batch:
                error = message.error()
                if error and error.code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    ended.add((message.topic(), message.partition()))
                elif error:
                    raise confluent_kafka.KafkaException(error)
                else:
                    headers = {name: value.decode() for name, value in message.headers() or []}
                    records.append(Record(message.topic(), message.partition(), message.offset(),
                                          (message.key() or b"").decode(), message.value() or b"", headers,
                                          message.timestamp()[1]))
        records.sort(key=lambda record: (record.topic, record.partition, record.offset))
        return records
