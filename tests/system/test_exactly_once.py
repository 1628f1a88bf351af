# SPDX-License-Identifier: Apache-2.0
"""delivery = "exactly-once" against a real Kafka: an independent consumer that reads what is committed sees every record once, in order,
whatever is killed inside a transaction; a second gateway of the same name, a copied and a rolled-back store are told apart."""
import json
import shutil
import time

import confluent_kafka
import pytest

from harness.gateway import check_balanced, pending, streams, unique_received, well
from harness.numbered import Account, numbered
from harness.publisher import publish_all
from test_handover import Background

EXACTLY = 'delivery = "exactly-once"'


def settled(gateway, count, timeout=120):
    status = gateway.wait_status(lambda s: unique_received(s) >= count and pending(s) == 0, timeout, "everything at Kafka")
    check_balanced(status)
    return status


def begun(make_gateway, mosquitto, count):
    """A gateway that has delivered so many."""
    gateway = make_gateway(mqtt_port=mosquitto.port, kafka=EXACTLY)
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, numbered(count), rate=count)
    settled(gateway, count)
    return gateway


def judge(kafka, topic, count, figure, name):
    account = Account(kafka.read(topic), count)
    figure(f"{name}.lost", len(account.lost))
    figure(f"{name}.twice", account.repeated)
    figure(f"{name}.two_ids", account.two_ids)
    figure(f"{name}.reordered", account.reordered)
    assert account.lost == [] and account.strange == [] and account.nameless == 0
    assert account.repeated == 0 and account.two_ids == 0 and account.reordered == 0
    assert account.records == count


@pytest.mark.parametrize("kills, restarts", [pytest.param(8, 1, id="8-1"),
                                             pytest.param(100, 20, id="100-20",
                                                          marks=[pytest.mark.nightly, pytest.mark.seconds(1500)])])
def test_killed_inside_transactions(kills, restarts, mosquitto, make_gateway, kafka, prefix, figure, seeded):
    count = 2_500 * kills
    gateway = make_gateway(mqtt_port=mosquitto.port, kafka=EXACTLY)
    gateway.start()
    mosquitto.wait_subscribed()
    load = Background(publish_all, mosquitto.port, numbered(count), rate=1200)
    for i in range(kills):
        time.sleep(seeded.uniform(0.3, 2.5))
        gateway.kill9()
        if restarts and i % (kills // restarts) == 0:
            time.sleep(3)  # a broker that is killed while it commits, and is its own controller, leaves the transaction hanging: TRB-KAFKA-017
            with kafka.away():
                gateway.start()
                time.sleep(seeded.uniform(0.1, 1.0))
        else:
            gateway.start()
    load.finish(600)
    settled(gateway, count, 240)
    judge(kafka, f"{prefix}.readings", count, figure, f"exactly_once.{kills}_kills_{restarts}_broker_restarts")


def test_a_transaction_that_hangs_is_told(mosquitto, make_gateway, kafka, prefix, figure):
    gateway = begun(make_gateway, mosquitto, 500)
    gateway.stop()
    group = confluent_kafka.Consumer({"bootstrap.servers": kafka.brokers, "group.id": f"{prefix}-line1"})
    stranger = confluent_kafka.Producer({"bootstrap.servers": kafka.brokers, "transactional.id": f"{prefix}-stranger"})
    stranger.init_transactions(30)
    stranger.begin_transaction()
    place = confluent_kafka.TopicPartition(f"{prefix}.progress", 0, 1)
    stranger.send_offsets_to_transaction([place], group.consumer_group_metadata(), 30)
    gateway.start()
    publish_all(mosquitto.port, numbered(500, start=500))
    told = gateway.wait_status(lambda s: any(h.get("code") == "TRB-KAFKA-017" for h in s["health"]), 60, "the word that it hangs")
    assert not well(told, "kafka") and pending(told) >= 500
    stranger.abort_transaction(30)
    assert well(settled(gateway, 1_000), "kafka")
    judge(kafka, f"{prefix}.readings", 1_000, figure, "exactly_once.hanging_transaction")


@pytest.mark.nightly
def test_broker_killed_inside_a_transaction(mosquitto, make_gateway, kafka, prefix, figure):
    count = 20_000
    gateway = make_gateway(mqtt_port=mosquitto.port, kafka=EXACTLY)
    gateway.start()
    mosquitto.wait_subscribed()
    load = Background(publish_all, mosquitto.port, numbered(count), rate=1500)
    for pause in (2, 3.3, 2.7):
        time.sleep(pause)
        with kafka.away():
            time.sleep(1)
    load.finish(120)
    settled(gateway, count)
    judge(kafka, f"{prefix}.readings", count, figure, "exactly_once.broker_killed")


@pytest.mark.nightly
def test_clean_restart_and_a_change_of_promise(mosquitto, make_gateway, kafka, prefix, figure):
    gateway = make_gateway(mqtt_port=mosquitto.port, kafka=EXACTLY)
    sent = 0
    for promise in (EXACTLY, "", EXACTLY):
        gateway.configure(kafka=promise)
        gateway.start()
        mosquitto.wait_subscribed()
        sent += publish_all(mosquitto.port, numbered(3_000, start=sent), rate=3000)
        gateway.wait_status(lambda s: unique_received(s) >= sent, 60, "the messages on disk")
        gateway.terminate()
    gateway.start()
    settled(gateway, sent)
    judge(kafka, f"{prefix}.readings", sent, figure, "exactly_once.restarts")


@pytest.mark.nightly
def test_a_second_gateway_of_the_same_name(mosquitto, make_gateway, kafka, prefix, figure):
    first = begun(make_gateway, mosquitto, 500)
    # The same name on another box: its own store, its own broker session.
    second = make_gateway("other", mqtt_port=mosquitto.port, kafka=EXACTLY, mqtt='client_id = "another-box"')
    second.start()
    second.wait_status(lambda s: s["mqtt"]["connected"], 30, "the second one at the broker")
    time.sleep(1)
    load = Background(publish_all, mosquitto.port, numbered(12_000, start=500), rate=500)
    status = first.wait_status(lambda s: not well(s, "kafka"), 90, "the end of the first one")
    assert {e["code"] for e in status["health"] if not e["ok"]} == {"TRB-KAFKA-008"}
    load.finish(60)
    time.sleep(3)
    assert not well(first.status(), "kafka") and first.alive()  # it does not fight, and takes messages in
    assert unique_received(first.status()) == 12_500
    settled(second, 12_000)
    for service in (first, second):
        service.terminate()
    mine = [record for record in kafka.read(f"{prefix}.readings")]
    assert {json.loads(record.value)["n"] for record in mine} == set(range(12_500))


@pytest.mark.nightly
def test_rolled_back_store(mosquitto, make_gateway, kafka, prefix, figure):
    gateway = begun(make_gateway, mosquitto, 2_000)
    gateway.terminate()
    backup = gateway.folder / "backup.db"
    shutil.copy(gateway.options["store"], backup)
    gateway.start()
    publish_all(mosquitto.port, numbered(2_000, start=2_000), rate=2000)
    settled(gateway, 4_000)
    gateway.terminate()
    # The disk forgets the second half; more new messages come than it forgot, before Kafka can be reached.
    for old in gateway.folder.glob("store.db*"):
        old.unlink()
    shutil.copy(backup, gateway.options["store"])
    with kafka.away():
        gateway.start()
        publish_all(mosquitto.port, numbered(5_000, start=4_000), rate=3000)
        gateway.wait_status(lambda s: unique_received(s) >= 7_000, 60, "the messages on disk")
    status = settled(gateway, 7_000)
    assert "TRB-KAFKA-009" in {e["code"] for e in status["health"] if not e["ok"]}
    records = kafka.read(f"{prefix}.readings")
    account = Account(records, 9_000)
    figure("exactly_once.rolled_back.lost", len(account.lost))
    assert account.lost == [] and account.repeated == 0


@pytest.mark.nightly
def test_what_is_refused_spoils_no_neighbour(mosquitto, make_gateway, kafka, prefix, figure):
    # 1.2 MB is more than Kafka takes by default.
    gateway = make_gateway(mqtt_port=mosquitto.port, kafka=EXACTLY + '\n[kafka.properties]\n"message.max.bytes" = "4000000"')
    gateway.start()
    mosquitto.wait_subscribed()
    messages = list(numbered(400))
    large = [("factory/large/s0", b'{"value":1,"n":%d,"fill":"%s"}' % (400 + i, b"x" * 1_200_000)) for i in range(2)]
    publish_all(mosquitto.port, messages[:200] + large[:1] + messages[200:] + large[1:])
    gateway.wait_status(lambda s: streams(s)["raw"]["forwarded"] == 400 and streams(s)["raw"]["rejected"] == 2, 90, "all but the large ones")
    account = Account(kafka.read(f"{prefix}.readings"), 400)
    assert account.lost == [] and account.repeated == 0 and account.reordered == 0
