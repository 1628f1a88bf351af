# SPDX-License-Identifier: Apache-2.0
"""Priorities with a real broker and a real Kafka: a row of the store for each, the order within a series through a reload that
changes them and through SIGKILL, and nothing lost."""
import contextlib
import sqlite3

import pytest

from harness.numbered import Account, numbered
from harness.process import wait_until
from harness.publisher import publish_all
from test_handover import Background

MESSAGES = 40_000


def streams(first, second):
    return "".join(f"""
[[stream]]
name = "{name}"
topics = [{', '.join(f'"factory/m{m}/#"' for m in machines)}]
priority = "{priority}"
quota = "{quota}"
forward = "raw"
""" for name, machines, priority, quota in [("first", (0, 1), first, "1%"), ("second", (2,), second, "50%"),
                                          ("others", (3, 4), "normal", "64KiB")])


def classes(store):
    """How many messages stand in each class, as they came."""
    with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as database:
        return dict(database.execute("SELECT class >> 4, sum(count) FROM block WHERE log = 1 AND class & 15 = 0 GROUP BY 1"))


@pytest.mark.nightly
def test_order_and_acknowledgement(mosquitto, make_gateway, kafka, prefix):
    gateway = make_gateway(mqtt_port=mosquitto.port, streams=streams("low", "high"), store_extra='max_size = "64MiB"')
    gateway.start()
    mosquitto.wait_subscribed()
    store = gateway.options["store"]
    with kafka.away():
        load = Background(publish_all, mosquitto.port, numbered(MESSAGES), rate=4000)
        wait_until(lambda: sum(classes(store).values()) > MESSAGES // 4, 60, "a quarter of the messages")
        before = classes(store)
        assert before[1] > 0 and before[2] > 0 and before[0] > 0
        gateway.configure(streams=streams("high", "low"))
        gateway.reload()
        wait_until(lambda: "new configuration in force" in gateway.log(), 10, "the reload")
        wait_until(lambda: sum(classes(store).values()) > MESSAGES // 2, 60, "half of the messages")
        gateway.kill9()
        gateway.start()
        load.finish(120)
        status = gateway.wait_status(lambda s: sum(classes(store).values()) >= MESSAGES, 60, "all messages")
        quotas = status["store"]["quotas"]
        assert quotas["others"]["over"] and not quotas["second"]["over"]
        assert classes(store)[3] > 0
    gateway.wait_drained(MESSAGES, timeout=120)
    account = Account(kafka.read(f"{prefix}.readings"), MESSAGES)
    assert account.lost == [] and account.strange == []
    assert account.reordered == 0
    gateway.wait_status(lambda s: not any(q["over"] for q in s["store"]["quotas"].values()), 60, "within the quotas")
