# SPDX-License-Identifier: Apache-2.0
"""catch_up = "live-first": when Kafka is back, new data goes at once and the backlog beside it to <topic>.backfill, each record once, in
order within its topic; also when the gateway is killed while both are under way, and when the setting is taken back before the end."""
import json
import time

import pytest

from harness.gateway import check_balanced, pending, unique_received
from harness.numbered import Account, numbered
from harness.process import wait_until
from harness.publisher import publish_all
from test_handover import Background

BEFORE, AWAY, AFTER = 3_000, 40_000, 12_000
TOTAL = BEFORE + AWAY + AFTER
LIVE_FIRST = 'catch_up = "live-first"\nbackfill_share = 10\nbackfill_min = 2000'


def number(record):
    return json.loads(record.value)["n"]


@pytest.fixture
def backlogged(mosquitto, make_gateway, kafka, prefix):
    """A gateway with a backlog on its way to Kafka, which is back, and the load of new messages that goes on."""
    gateway = make_gateway(mqtt_port=mosquitto.port, kafka=LIVE_FIRST)
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, numbered(BEFORE), rate=3000)
    gateway.wait_drained(BEFORE)
    with kafka.away():
        publish_all(mosquitto.port, numbered(AWAY, start=BEFORE), rate=4000)
        gateway.wait_status(lambda s: unique_received(s) >= BEFORE + AWAY, 60, "the backlog on disk")
    load = Background(publish_all, mosquitto.port, numbered(AFTER, start=BEFORE + AWAY), rate=500)
    gateway.wait_status(lambda s: s["kafka"]["backlog"] > 0, 60, "a backlog that goes apart")
    return gateway, load


def test_new_data_does_not_wait_for_the_backlog(backlogged, kafka, prefix, figure):
    gateway, load = backlogged
    # How soon is the broker's matter, which has just started; that the backlog still stands there is ours.
    wait_until(lambda: max(map(number, kafka.read(f"{prefix}.readings"))) >= BEFORE + AWAY, 60, "new data at Kafka", every=0.3)
    backlog = gateway.status()["kafka"]["backlog"]
    figure("live_first.backlog_when_new_data_was_there", backlog)
    assert backlog > AWAY // 4
    status = gateway.wait_status(lambda s: unique_received(s) >= TOTAL and pending(s) == 0, 200, "everything at Kafka")
    load.finish(10)
    check_balanced(status)
    assert status["kafka"]["backlog"] == 0
    live, backfill = kafka.read(f"{prefix}.readings"), kafka.read(f"{prefix}.readings.backfill")
    figure("live_first.live", len(live))
    figure("live_first.backfill", len(backfill))
    # Once, and in order in each; what a read-ahead had in flight as Kafka went may be on either side of the cut.
    assert len(live) + len(backfill) == TOTAL
    assert {number(record) for record in live + backfill} == set(range(TOTAL))
    assert Account(live, TOTAL).reordered == 0 and Account(backfill, TOTAL).reordered == 0
    assert len(backfill) >= AWAY // 2
    assert max(map(number, backfill)) < min(n for n in map(number, live) if n >= BEFORE + AWAY // 2)


@pytest.mark.nightly
def test_killed_while_both_are_under_way(backlogged, kafka, prefix, figure):
    gateway, load = backlogged
    for _ in range(3):
        time.sleep(1.5)
        gateway.kill9()
        gateway.start()
    assert gateway.status()["kafka"]["backlog"] > 0
    status = gateway.wait_status(lambda s: unique_received(s) >= TOTAL and pending(s) == 0, 200, "everything at Kafka")
    load.finish(10)
    check_balanced(status)
    live, backfill = (Account(kafka.read(f"{prefix}.readings{what}"), TOTAL) for what in ("", ".backfill"))
    both = Account(kafka.read(f"{prefix}.readings", f"{prefix}.readings.backfill"), TOTAL)
    figure("live_first.killed.lost", len(both.lost))
    figure("live_first.killed.same_id_again", both.repeated)  # at-least-once: what was not yet in the books
    assert both.lost == [] and both.strange == []
    assert live.reordered == 0 and backfill.reordered == 0
    assert backfill.records >= AWAY // 2


@pytest.mark.nightly
def test_the_rest_of_the_backlog_after_the_setting_is_gone(backlogged, kafka, prefix):
    gateway, load = backlogged
    time.sleep(2)
    gateway.terminate()
    assert len(kafka.read(f"{prefix}.readings.backfill")) < AWAY // 2
    gateway.configure(kafka="")
    gateway.start()
    status = gateway.wait_status(lambda s: unique_received(s) >= TOTAL and pending(s) == 0, 200, "everything at Kafka")
    load.finish(10)
    check_balanced(status)
    account = Account(kafka.read(f"{prefix}.readings", f"{prefix}.readings.backfill"), TOTAL)
    assert account.lost == [] and account.strange == [] and account.repeated == 0
