# SPDX-License-Identifier: Apache-2.0
"""Where records go: the partition the Java client would choose, topics and keys by template, CloudEvents, a link that costs money."""
import json
import random
import time

from confluent_kafka.admin import AdminClient, NewTopic

from harness.gateway import tributary
from harness.publisher import publish_all

KEYS = 10_000


def test_keys_find_the_partition_of_the_java_client(mosquitto, make_gateway, kafka, prefix, figure):
    letters = "abcdefghijklmnopqrstuvwxyz0123456789-_. äöüßéµ€漢字🙂"
    random.seed(7)
    topics = sorted({"f/" + "".join(random.choices(letters, k=random.randint(1, 40))).strip() for _ in range(2 * KEYS)})[:KEYS]
    assert len(topics) == KEYS
    gateway = make_gateway(mqtt_port=mosquitto.port, streams="""
[[stream]]
name = "raw"
topics = ["f/#"]
forward = "raw"
""")
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, [(topic, b"1") for topic in topics])
    gateway.wait_drained(KEYS)
    ours = {record.key: record.partition for record in kafka.read(f"{prefix}.readings")}
    java = f"{prefix}.java"
    client = AdminClient({"bootstrap.servers": kafka.brokers})  # has to outlive its futures
    client.create_topics([NewTopic(java, 6, 1)])[java].result(30)
    kafka.tool("org.apache.kafka.tools.ConsoleProducer", "--topic", java, "--reader-property", "parse.key=true", "--reader-property",
               "key.separator=|", given="".join(f"{topic}|1\n" for topic in topics))
    theirs = {record.key: record.partition for record in kafka.read(java)}
    assert len(theirs) == KEYS and set(ours) == set(theirs)
    figure("murmur2.keys", len(theirs))
    figure("murmur2.different", sum(ours[key] != theirs[key] for key in theirs))
    figure("murmur2.partitions", len(set(theirs.values())))
    assert ours == theirs


STREAMS = """
[[stream]]
name = "temperature"
topics = ["f/+/temperature"]
labels = { site = "ulm" }
time = "/ts"
window = { size = "1s" }
forward = ["windows", "all"]
[[stream]]
name = "pressure"
topics = ["f/+/pressure"]
labels = { site = "graz" }
time = "/ts"
forward = "all"
"""


def readings(count, kinds=("temperature", "pressure")):
    now = int(time.time()) * 1000 - count * 100
    return [(f"f/{i % 3}/{kind}", json.dumps({"ts": now + i * 100, "value": i}).encode()) for i in range(count) for kind in kinds]


def test_templates_and_cloudevents(mosquitto, make_gateway, kafka, prefix):
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=STREAMS, kafka=f"""
topic = "{prefix}.{{label.site}}.{{stream}}.{{kind}}"
key = "{{label.site}}/{{series}}"
headers = {{ site = "{{label.site}}" }}
cloudevents = true
""")
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, readings(200))
    gateway.wait_drained(400)
    expected = {f"{prefix}.ulm.temperature.readings", f"{prefix}.ulm.temperature.windows", f"{prefix}.graz.pressure.readings"}
    records = kafka.read(*expected)
    assert {record.topic for record in records} == expected
    for record in records:
        site = record.topic.split(".")[-3]
        series = json.loads(record.value)["series"]
        assert record.key == f"{site}/{series}" and record.headers["site"] == site
        assert record.headers["ce_specversion"] == "1.0" and record.headers["ce_id"] == record.id
        assert record.headers["ce_source"] == "/tributary/line1" and record.headers["ce_subject"] == series
        assert record.headers["ce_type"] == "io.tributary." + record.topic.rsplit(".", 1)[1]
    assert sum(record.topic.endswith("readings") for record in records) == 400
    # A stream that comes while the gateway runs has its topic made.
    gateway.configure(streams=STREAMS.replace('"pressure"', '"steam"'))
    gateway.reload()
    gateway.wait_status(lambda s: s["health"], 20, "status")
    time.sleep(1)
    publish_all(mosquitto.port, readings(50, ("pressure",)))
    gateway.wait_drained(450, 90)
    assert len(kafka.read(f"{prefix}.graz.steam.readings")) == 50


def test_a_metered_link(mosquitto, make_gateway, kafka, prefix, figure):
    """Rollups in batches; readings stay; the bytes are told."""
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=STREAMS, kafka="""
link = "metered"
send_every = "8s"
""")
    check = tributary("check", "--config", gateway.config)
    assert check.returncode == 0 and check.stderr.count("over a metered link its readings stay on this box") == 2, check.stderr
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, readings(300))
    first = gateway.wait_status(lambda s: len(kafka.read(f"{prefix}.windows")) > 0, 30, "a batch", every=0.5)
    assert kafka.read(f"{prefix}.readings") == []
    publish_all(mosquitto.port, readings(300))
    status = gateway.wait_status(lambda s: s["kafka"]["sent_bytes"] > 0, 40, "bytes on the wire", every=0.5)
    text = tributary("status", "--socket", gateway.socket).stdout
    line = next(line for line in text.splitlines() if line.startswith("link"))
    assert "today" in line, text
    figure("metered.link_line", line)
    ledger = status["ledger"]["streams"]
    assert ledger["pressure"]["kept_local"] == ledger["pressure"]["received"] > 0
    assert first is not None
