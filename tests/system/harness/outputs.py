# SPDX-License-Identifier: Apache-2.0
"""Output records, whoever printed them: comparable without what differs from run to run by design."""
import json

LOGS = ("windows", "events")


def without_incarnation(identifier):
    return identifier.split("/", 1)[1]


def _comparable(topic, key, timestamp, headers, value):
    value = dict(value)
    value["id"] = without_incarnation(value["id"])
    headers = dict(headers)
    headers["tb-id"] = without_incarnation(headers["tb-id"])
    headers.pop("tb-replay", None)
    return {"topic": topic, "key": key, "timestamp": timestamp, "headers": headers, "value": value}


def from_kafka(kafka, prefix, logs=LOGS):
    """log -> records in the order of their log; a record that was sent twice counts once."""
    found = {}
    for log in logs:
        once = {}
        for record in kafka.read(f"{prefix}.{log}"):
            once.setdefault(without_incarnation(record.id), []).append(record)
        for copies in once.values():
            assert len({copy.value for copy in copies}) == 1, copies  # one id is one record, for ever
        found[log] = [_comparable(r.topic, r.key, r.timestamp, r.headers, json.loads(r.value))
                      for r in (copies[0] for copies in once.values())]
        found[log].sort(key=_sequence)
    return found


def from_replay(lines, prefix, logs=LOGS):
    found = {log: [] for log in logs}
    for line in lines.splitlines():
        r = json.loads(line)
        log = r["topic"].removeprefix(prefix + ".")
        if log in found:
            found[log].append(_comparable(r["topic"], r["partition_key"], r["timestamp"], r["headers"], r["value"]))
    for records in found.values():
        records.sort(key=_sequence)
    return found


def _sequence(record):
    return [int(part) for part in record["headers"]["tb-id"].split("/")[1].split(".")]
