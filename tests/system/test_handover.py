# SPDX-License-Identifier: Apache-2.0
"""Promise P1: what the broker was told is safe arrives in Kafka, whatever is killed or cut in between."""
import threading
import time

import pytest

from harness.gateway import well
from harness.numbered import Account, numbered
from harness.proxy import Proxy
from harness.publisher import publish_all

MESSAGES = 40_000
RATE = 2500
VERSIONS = {"mqtt5": "version = 5", "mqtt311": 'version = "3.1.1"'}


class Background(threading.Thread):
    """A function in the background whose failure shows at join."""

    def __init__(self, function, *arguments, **options):
        super().__init__(daemon=True)
        self.call = lambda: function(*arguments, **options)
        self.error = None
        self.start()

    def run(self):
        try:
            self.call()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            self.error = error

    def finish(self, timeout):
        self.join(timeout)
        assert not self.is_alive(), "the publisher did not end"
        if self.error:
            raise self.error


def settle(gateway, kafka, topic, count, figure, name):
    """Drains, balances the books and counts in Kafka. Loss is a failure; the rest is for the test to judge."""
    gateway.wait_drained(count, timeout=90)
    account = Account(kafka.read(topic), count)
    figure(f"{name}.lost", len(account.lost))
    figure(f"{name}.messages_with_two_ids", account.two_ids)
    figure(f"{name}.same_id_again", account.repeated)
    assert account.lost == []
    assert account.strange == []
    assert account.nameless == 0
    return account


@pytest.mark.parametrize("version", VERSIONS)
def test_killed_15_times(version, mosquitto, make_gateway, kafka, prefix, figure, seeded):
    gateway = make_gateway(mqtt_port=mosquitto.port, mqtt=VERSIONS[version])
    gateway.start()
    mosquitto.wait_subscribed()
    load = Background(publish_all, mosquitto.port, numbered(MESSAGES), rate=RATE)
    for _ in range(15):
        time.sleep(seeded.uniform(0.1, 1.6))
        gateway.kill9()
        gateway.start(wait=False)
    load.finish(120)
    settle(gateway, kafka, f"{prefix}.readings", MESSAGES, figure, f"handover.kill9.{version}")


@pytest.mark.nightly
@pytest.mark.seconds(3600)
def test_killed_1000_times(mosquitto, make_gateway, kafka, prefix, figure, seeded):
    gateway = make_gateway(mqtt_port=mosquitto.port)
    gateway.start()
    mosquitto.wait_subscribed()
    count, kills = 250_000, 1000
    load = Background(publish_all, mosquitto.port, numbered(count), rate=250)
    for _ in range(kills):
        time.sleep(seeded.uniform(0.05, 1.6))
        gateway.kill9()
        gateway.start(wait=False)
    figure("handover.kills", kills)
    load.finish(1200)
    settle(gateway, kafka, f"{prefix}.readings", count, figure, "handover.kill9_1000")


def test_connection_cut_10_times(mosquitto, make_gateway, kafka, prefix, figure, seeded, children):
    proxy = Proxy(mosquitto.port)
    children.append(proxy)
    gateway = make_gateway(mqtt_port=proxy.port)
    gateway.start()
    mosquitto.wait_subscribed()
    load = Background(publish_all, mosquitto.port, numbered(MESSAGES), rate=1600)
    cut = 0
    while cut < 10 and load.is_alive():
        time.sleep(seeded.uniform(0.1, 1.0))
        gateway.wait_status(lambda s: s["mqtt"]["connected"], 30, "connection to the broker", every=0.05)
        proxy.cut()
        cut += 1
    load.finish(120)
    assert cut == 10, "the load was over too soon"
    account = settle(gateway, kafka, f"{prefix}.readings", MESSAGES, figure, "handover.cut")
    assert account.reordered == 0
    # Best effort, so not exactly 0; but a filter that does not work any more shows here with thousands.
    assert account.two_ids <= MESSAGES // 100
    assert account.repeated == 0  # nothing on the way to Kafka was disturbed


def test_kafka_down_for_30_seconds(mosquitto, make_gateway, kafka, prefix, figure):
    gateway = make_gateway(mqtt_port=mosquitto.port)
    gateway.start()
    mosquitto.wait_subscribed()
    load = Background(publish_all, mosquitto.port, numbered(MESSAGES), rate=1000)
    time.sleep(5)
    with kafka.away():
        time.sleep(15)
        status = gateway.status()
        assert not well(status, "kafka"), status
        time.sleep(15)
    load.finish(120)
    account = settle(gateway, kafka, f"{prefix}.readings", MESSAGES, figure, "handover.kafka_down")
    figure("handover.kafka_down.reordered", account.reordered)
    assert account.reordered == 0
    assert account.two_ids == 0
    assert well(gateway.status(), "kafka")
