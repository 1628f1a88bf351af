# SPDX-License-Identifier: Apache-2.0
"""From one Kafka cluster to another: both get everything, then the second is the first. Nothing lost, nothing twice, the books balance,
whichever of them was behind at the moment of change; and a second cluster that is not there costs the first nothing."""
import random

import pytest

from harness.gateway import pending, streams, unique_received, well
from harness.kafka import Kafka
from harness.numbered import Account, numbered
from harness.process import wait_until
from harness.publisher import publish_all

NEW = """
[[kafka]]
name = "new"
brokers = "{brokers}"
prefix = "{prefix}"
"""


@pytest.fixture
def new_cluster(tmp_path):
    cluster = Kafka(tmp_path / "new")
    cluster.start()
    yield cluster
    cluster.stop()


def waiting(status):
    return status["mirror"]["waiting"]


@pytest.mark.parametrize("delivery, behind", [("at-least-once", "old"), ("exactly-once", "new"),
                                              pytest.param("at-least-once", "new", marks=pytest.mark.nightly),
                                              pytest.param("exactly-once", "old", marks=pytest.mark.nightly)])
def test_one_cluster_takes_the_place_of_another(delivery, behind, mosquitto, make_gateway, kafka, new_cluster, prefix, figure):
    promise = f'delivery = "{delivery}"'
    gateway = make_gateway(mqtt_port=mosquitto.port, kafka=promise)
    drop_in = gateway.folder / "conf.d/migration.toml"
    drop_in.parent.mkdir()
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, numbered(500))
    gateway.wait_drained(500)
    gateway.stop()
    # Both get what comes now.
    drop_in.write_text(NEW.format(brokers=new_cluster.brokers, prefix=prefix) + promise)
    gateway.start()
    publish_all(mosquitto.port, numbered(500, start=500))
    gateway.wait_drained(1_000)
    gateway.wait_status(lambda s: waiting(s) == 0, 30, "everything at the second cluster")
    # As its readers see it: a broker that is killed before it has ended the transaction leaves it hanging (TRB-KAFKA-017).
    wait_until(lambda: len(new_cluster.read(f"{prefix}.readings")) == 500, 30, "500 records that are committed", every=0.2)
    with (kafka if behind == "old" else new_cluster).away():
        publish_all(mosquitto.port, numbered(300, start=1_000))
        if behind == "old":
            gateway.wait_status(lambda s: unique_received(s) == 1_300 and waiting(s) == 0, 30, "the second cluster is ahead")
            assert pending(gateway.status()) >= 300
        else:
            gateway.wait_drained(1_300)
            assert waiting(gateway.status()) >= 300
        gateway.stop()
    drop_in.unlink()
    gateway.configure(brokers=new_cluster.brokers, kafka=promise + '\nname = "new"')
    gateway.start()
    publish_all(mosquitto.port, numbered(200, start=1_300))
    status = gateway.wait_drained(1_500)
    assert "mirror" not in status
    assert sum(account["forwarded"] for account in streams(status).values()) == 1_500
    account = Account(new_cluster.read(f"{prefix}.readings"), 1_500)
    name = f"migration.{delivery}.{behind}_behind"
    figure(f"{name}.lost", len([n for n in account.lost if n >= 500]))
    figure(f"{name}.twice", account.repeated)
    assert account.lost == list(range(500))  # what the first had before the second came
    assert account.repeated == 0 and account.two_ids == 0 and account.reordered == 0
    old = Account(kafka.read(f"{prefix}.readings"), 1_500)
    assert [n for n in old.lost if n < 1_000] == [] and old.repeated == 0


def test_a_second_cluster_that_is_not_there_costs_the_first_nothing(mosquitto, make_gateway, kafka, prefix, figure):
    gateway = make_gateway(mqtt_port=mosquitto.port, store_extra='max_size = "16MiB"\nhistory = "1s"')
    drop_in = gateway.folder / "conf.d/migration.toml"
    drop_in.parent.mkdir()
    drop_in.write_text(NEW.format(brokers="127.0.0.1:9", prefix=prefix))
    gateway.start()
    mosquitto.wait_subscribed()
    count = 30_000
    noise = random.Random(7)  # does not compress
    publish_all(mosquitto.port, ((topic, b'%s,"pad":"%s"}' % (payload[:-1], noise.randbytes(400).hex().encode()))
                                 for topic, payload in numbered(count)))
    status = gateway.wait_drained(count, timeout=120)
    figure("mirror_away.store_bytes", status["store"]["used_bytes"])
    figure("mirror_away.missed", next((h["text"] for h in status["health"] if h["component"] == "mirror"), "nothing"))
    assert sum(account["forwarded"] for account in streams(status).values()) == count
    assert well(status, "kafka") and not well(status, "kafka-new")
    assert any(h.get("code") == "TRB-KAFKA-016" for h in status["health"])
    account = Account(kafka.read(f"{prefix}.readings"), count)
    assert account.lost == [] and account.repeated == 0
