# SPDX-License-Identifier: Apache-2.0
"""The traces of the comparison with Flink: lists of (ts in ms, value) in order of arrival, the same at every call.

Values are quarters below 2^42, so every sum of them is exact in a double and no order of adding shows in a result.
"""
import random
from datetime import datetime, timezone

START = 1_772_438_400_000  # 2026-03-02T08:00:00Z
LENGTH = 200


def _value(source, large=False):
    return source.randrange(-(1 << 42), 1 << 42) / 4 if large else source.randrange(-400, 4000) / 4


def _steps(source, length=LENGTH, step=lambda source: source.randrange(200, 1500), start=START):
    """Event times in order."""
    times, now = [], start
    for _ in range(length):
        times.append(now)
        now += step(source)
    return times


def _arriving(source, times, delay, large=False):
    """In the order in which readings arrive when each is under way for `delay(source)` ms."""
    arrivals = sorted((ts + delay(source), number, ts) for number, ts in enumerate(times))
    return [(ts, _value(source, large)) for _, _, ts in arrivals]


def in_order(source):
    return _arriving(source, _steps(source), lambda source: 0)


def shuffled(source):
    """Never more than 2 s behind: nothing is late with a lateness of 2 s."""
    return _arriving(source, _steps(source), lambda source: source.randrange(0, 2000))


def behind(source):
    """One in five is up to 25 s behind."""
    return _arriving(source, _steps(source), lambda source: source.choice((0, 500, 1500, 1999, source.randrange(2000, 25000))))


def gaps(source):
    """Distances around the session gap of 5 s, and stretches without anything up to ten minutes."""
    step = lambda source: source.choice((300, 1000, 1000, 4999, 5000, 5001, source.randrange(7000, 60000), 600_000))  # noqa: E731
    return _arriving(source, _steps(source, step=step), lambda source: source.choice((0, 0, 0, 6000, 12000)))


def boundaries(source):
    """Watermarks and stamps at the ends of windows, and where a reading begins to be late: to the millisecond."""
    times, base = [], START
    for _ in range(LENGTH // 2):
        base += source.choice((1000, 1000, 2000, 3000, 5000, 10000))
        times.append(base + source.choice((-1, 0, 1)))
        for _ in range(source.randrange(0, 4)):
            times.append(base - source.choice((2000, 5000, 7000, 10000, 12000, 20000)) + source.choice((-1, 0, 0)))
    return [(ts, _value(source)) for ts in times]


def duplicates(source):
    """Few stamps, many readings on each; whole messages twice, some of them late."""
    readings = []
    for ts in _steps(source, length=60, step=lambda source: source.choice((1000, 2000, 5000))):
        readings += [(ts, _value(source)) for _ in range(source.randrange(1, 4))]
        if source.random() < 0.4:
            readings.append(source.choice(readings[-30:]))
    return readings


def values(source):
    """Large and negative values, zero, and the same one many times."""
    return [(ts, source.choice((0.0, -0.25, value, value))) for ts, value in
            _arriving(source, _steps(source), lambda source: source.choice((0, 3000)), large=True)]


def leap(source):
    """The first reading 25 years ago; in the middle one a day ahead, after which a whole day is late."""
    past = int(datetime(2001, 2, 3, 4, 5, 6, tzinfo=timezone.utc).timestamp() * 1000)
    times = _steps(source, length=120)
    readings = [(past, 1.0)] + [(ts, _value(source)) for ts in times]
    readings.insert(40, (past + 1000, 2.0))
    readings.insert(80, (START + 86_400_000, 3.0))
    return readings + [(START + 86_400_000 + ts - START, _value(source)) for ts in times[:60]]


def wild(source):
    """A clock that walks forwards and backwards."""
    now, readings = START, []
    for _ in range(LENGTH):
        now += source.choice((100, 500, 1000, 1000, 2000, 4000, 11000, -300, -1500, -2500, -9000))
        readings.append((now, _value(source)))
    return readings


def _days(source, year, month, day):
    """Five days, a reading about every half hour, up to 20 min behind."""
    start = int(datetime(year, month, day, tzinfo=timezone.utc).timestamp() * 1000)
    times = _steps(source, length=240, step=lambda source: source.randrange(900_000, 2_700_000, 1000), start=start)
    return _arriving(source, times, lambda source: source.randrange(0, 1_200_000))


def summer_time_begins(source):
    """2026-03-29 has 23 hours in Berlin."""
    return _days(source, 2026, 3, 26)


def summer_time_ends(source):
    """2026-10-25 has 25 hours in Berlin."""
    return _days(source, 2026, 10, 22)


def _seeded(function):
    return function(random.Random(function.__name__))


TRACES = {function.__name__: _seeded(function) for function in
          (in_order, shuffled, behind, gaps, boundaries, duplicates, values, leap, wild)}
DAYS = {function.__name__: _seeded(function) for function in (summer_time_begins, summer_time_ends)}
