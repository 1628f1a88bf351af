# SPDX-License-Identifier: Apache-2.0
"""`tributary wipe`: a box leaves service, and nothing of it is left, here or at the broker."""
import json

import pytest

from harness.gateway import received, tributary
from harness.numbered import numbered
from harness.publisher import publish_all

COUNT, QUEUED = 500, 80


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_wipe(version, mosquitto, make_gateway):
    gateway = make_gateway(mqtt_port=mosquitto.port, mqtt=f'version = "{version}"')
    gateway.start()
    mosquitto.wait_subscribed()
    publish_all(mosquitto.port, numbered(COUNT))
    gateway.wait_drained(COUNT)
    refused = tributary("wipe", "--yes", "-c", gateway.config)
    assert refused.returncode == 1 and "TRB-STORE-003" in refused.stderr
    assert gateway.terminate() == 0
    publish_all(mosquitto.port, numbered(QUEUED, start=COUNT))  # the broker keeps them for a gateway that is away

    asked = tributary("wipe", "-c", gateway.config)
    assert asked.returncode == 1 and "--yes" in asked.stderr and gateway.options["store"].exists()
    aside = gateway.folder / "store.db.damaged-x"
    aside.write_text("an old one")
    done = tributary("wipe", "--yes", "--json", "-c", gateway.config)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["session_ended"] and str(gateway.options["store"]) in answer["removed"]
    assert [path.name for path in gateway.folder.glob("store.db*")] in ([], ["store.db.lock"])  # nothing stands in it

    gateway.start()
    mosquitto.wait_subscribed(more_than=1)
    publish_all(mosquitto.port, numbered(1))
    status = gateway.wait_status(lambda s: received(s) >= 1, 20, "the message of a new life")
    assert received(status) == 1, "the broker had kept messages for the box that is gone"


def test_a_broker_out_of_reach_is_told(make_gateway):
    gateway = make_gateway(mqtt_port=1)
    gateway.options["store"].write_text("")
    done = tributary("wipe", "--yes", "-c", gateway.config)
    assert done.returncode == 1 and "TRB-MQTT-002" in done.stderr and "goes on keeping messages" in done.stderr
    assert not gateway.options["store"].exists()
