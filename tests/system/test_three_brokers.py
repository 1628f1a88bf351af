# SPDX-License-Identifier: Apache-2.0
"""Three brokers with min.insync.replicas = 2, two of them killed and brought back while messages come; and Kafka 3.9."""
import time

import pytest

from harness.gateway import well
from harness.kafka import Kafka
from harness.numbered import Account, numbered
from harness.process import wait_until
from harness.publisher import publish_all
from test_handover import Background

COUNT = 30_000
DELIVERIES = [pytest.param("", id="at-least-once"), pytest.param('delivery = "exactly-once"', id="exactly-once")]


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    folder = tmp_path_factory.mktemp("three")
    brokers = [Kafka(folder / f"broker{n}", cluster_id="Atributary-three-brokersA") for n in (1, 2, 3)]
    voters = ",".join(f"{n}@127.0.0.1:{broker.port + 1}" for n, broker in enumerate(brokers, 1))
    for n, broker in enumerate(brokers, 1):
        (broker.folder / "extra.properties").write_text(f"""
node.id={n}
controller.quorum.voters={voters}
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
""")
    for broker in brokers:
        broker.launch()
    for broker in brokers:
        wait_until(broker.ready, 90, "answering Kafka", every=0.2)
    yield brokers
    for broker in brokers:
        broker.stop()


@pytest.mark.nightly
@pytest.mark.seconds(600)
@pytest.mark.parametrize("delivery", DELIVERIES)
def test_two_of_three_brokers_killed_and_back(delivery, three, mosquitto, make_gateway, prefix, figure):
    name = "exactly" if delivery else "at_least"
    gateway = make_gateway(mqtt_port=mosquitto.port, brokers=",".join(broker.brokers for broker in three),
                           kafka=f"replication = 3\n{delivery}")
    gateway.start()
    mosquitto.wait_subscribed()
    load = Background(publish_all, mosquitto.port, numbered(COUNT), rate=500)
    gateway.wait_status(lambda s: s["kafka"]["delivered"] > 1000, 90, "records at Kafka")
    for broker in three[1:]:
        broker.kill9()
    status = gateway.wait_status(lambda s: not well(s, "kafka"), 90, "a state that says so")
    said = next(entry for entry in status["health"] if entry["component"] == "kafka")
    figure(f"three.{name}.said", f'{said["code"]} {said["text"]}')
    time.sleep(5)
    for broker in three[1:]:
        broker.launch()
    load.finish(240)
    gateway.wait_drained(COUNT, 240)
    gateway.wait_status(lambda s: well(s, "kafka"), 60, "health")
    account = Account(three[0].read(f"{prefix}.readings"), COUNT)
    figure(f"three.{name}.lost", len(account.lost))
    figure(f"three.{name}.twice", account.repeated)
    assert account.lost == [] and account.strange == [] and account.two_ids == 0 and account.reordered == 0
    if delivery:
        assert account.repeated == 0


@pytest.mark.nightly
@pytest.mark.seconds(600)
@pytest.mark.parametrize("delivery", DELIVERIES)
def test_kafka_3_9(delivery, tmp_path, mosquitto, make_gateway, prefix, figure):
    broker = Kafka(tmp_path / "kafka39", version="3.9.1")
    broker.start()
    try:
        gateway = make_gateway(mqtt_port=mosquitto.port, brokers=broker.brokers, kafka=delivery)
        gateway.start()
        mosquitto.wait_subscribed()
        load = Background(publish_all, mosquitto.port, numbered(12_000), rate=600)
        for _ in range(3):
            time.sleep(4)
            gateway.kill9()
            gateway.start()
        with broker.away():
            time.sleep(3)
        load.finish(120)
        gateway.wait_drained(12_000, 120)
        account = Account(broker.read(f"{prefix}.readings"), 12_000)
        figure("kafka_3_9.lost", len(account.lost))
        figure("kafka_3_9.twice", account.repeated)
        assert account.lost == [] and account.two_ids == 0 and account.reordered == 0
        if delivery:
            assert account.repeated == 0
    finally:
        broker.stop()
