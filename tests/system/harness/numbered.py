# SPDX-License-Identifier: Apache-2.0
"""Numbered messages, and the count of what became of them in Kafka."""
import collections
import json
import time


def numbered(count, series=50, start=0):
    """Message i: payload number i, on topic i % series."""
    for i in range(start, start + count):
        payload = b'{"ts":%d,"value":%.2f,"n":%d}' % (time.time() * 1000, 20 + (i * 7919 % 100) / 50, i)
        yield f"factory/m{i % series // 10}/s{i % series % 10}", payload


class Account:
    """Records of one topic against the numbers 0..expected-1."""

    def __init__(self, records, expected):
        ids = collections.defaultdict(set)
        copies = collections.Counter()
        last = {}
        seen = set()
        self.reordered = 0
        for record in records:
            number = json.loads(record.value)["n"]
            copies[record.id] += 1
            ids[number].add(record.id)
            if number in seen:
                continue
            seen.add(number)
            if number < last.get(record.key, -1):
                self.reordered += 1
            last[record.key] = number
        self.lost = sorted(set(range(expected)) - set(ids))
        self.strange = sorted(set(ids) - set(range(expected)))
        self.two_ids = sum(len(found) > 1 for found in ids.values())
        self.repeated = sum(n - 1 for n in copies.values())  # the same id again: a consumer can see it
        self.nameless = copies[""]
        self.records = len(records)
