# SPDX-License-Identifier: Apache-2.0
"""Mosquitto as Debian ships it keeps 1,000 messages for us and sends 20 at a time: enough, when intake never waits for Kafka."""

from harness.mosquitto import DEBIAN_DEFAULTS
from harness.numbered import Account, numbered
from harness.publisher import Publisher

RATE = 300
SECONDS = 100
AWAY = 65


def test_kafka_away_for_65_seconds(make_mosquitto, make_gateway, kafka, prefix, figure):
    broker = make_mosquitto(DEBIAN_DEFAULTS)
    gateway = make_gateway(mqtt_port=broker.port, gather="500ms")
    gateway.start()
    broker.wait_subscribed()
    count = RATE * SECONDS
    messages = numbered(count, series=100)
    with Publisher(broker.port) as publisher:
        publisher.publish((next(messages) for _ in range(RATE * 15)), rate=RATE)
        with kafka.away():
            publisher.publish((next(messages) for _ in range(RATE * AWAY)), rate=RATE)
        publisher.publish(messages, rate=RATE)
        publisher.finish()
    gateway.wait_drained(count, timeout=60)
    account = Account(kafka.read(f"{prefix}.readings"), count)
    for name, value in (("lost", len(account.lost)), ("duplicated", account.records - count + len(account.lost)),
                        ("reordered", account.reordered)):
        figure(f"mosquitto_default.{name}", value)
        assert value == 0, name
