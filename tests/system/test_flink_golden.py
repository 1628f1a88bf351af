# SPDX-License-Identifier: Apache-2.0
"""Our windows equal those of a real Flink, whose results are stored in tests/cases/flink (docs/flink.md, `make test-flink`)."""
import json
import pathlib
import sys
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from harness.gateway import ROOT, tributary

sys.path.insert(0, str(pathlib.Path(ROOT) / "tests/flink"))

from settings import FOLDER, SETTINGS, Result, interleaved, read_results  # noqa: E402


def local(ms, zone):
    """Local date and time read as if UTC: how Flink SQL tells the times of a window."""
    return int(datetime.fromtimestamp(ms / 1000, ZoneInfo(zone)).replace(tzinfo=timezone.utc).timestamp() * 1000)


def merged(one, other):
    """Figures of two windows taken together; the mean anew."""
    count, total = one[0] + other[0], one[1] + other[1]
    return count, total, min(one[2], other[2]), max(one[3], other[3]), total / count


def replay(setting, messages, folder, arrival=None):
    """(series, ts, value) through the gateway -> {series: Result}, of every window the last revision.

    arrival: of all messages; else the newest stamp so far.
    """
    extra = {} if arrival is None else {"arrival": arrival}
    (folder / "gateway.toml").write_text(setting.toml())
    (folder / "messages.jsonl").write_text("".join(
        json.dumps({"topic": f"trace/{series}", "payload": {"ts": ts, "value": value}, **extra}) + "\n"
        for series, ts, value in messages))
    # Flink never emits a count window that is not full, not even at the end of input.
    flush = ["--no-flush"] if setting.kind == "count" else []
    done = tributary("replay", "--config", folder / "gateway.toml", *flush, folder / "messages.jsonl")
    assert done.returncode == 0, done.stderr
    results = {series: Result({}, 0) for series, _, _ in messages}
    for line in done.stdout.splitlines():
        record = json.loads(line)
        value = record["value"]
        result = results[value["series"]]
        if record["topic"] == "tributary.late":
            result.late += 1
        elif record["topic"] == "tributary.windows":
            result.windows[value["start"], value["end"]] = tuple(value[name] for name in ("count", "sum", "min", "max", "mean"))
        else:
            raise AssertionError(record)
    return results


def in_local_time(result, zone):
    """In Flink the hour that comes twice in autumn is one window; ours are two, which together have to be that one."""
    windows = {}
    for (start, end), figures in sorted(result.windows.items()):
        times = local(start, zone), local(end - 1, zone) + 1
        windows[times] = merged(windows[times], figures) if times in windows else figures
    return Result(windows, result.late)


def assert_equal(ours, flinks):
    assert sorted(ours.windows) == sorted(flinks.windows)
    for times, (count, total, least, most, mean) in ours.windows.items():
        assert (count, total, least, most) == flinks.windows[times][:4], times
        assert mean == pytest.approx(flinks.windows[times][4], rel=0, abs=1e-12 * max(abs(least), abs(most))), times
    assert ours.late == flinks.late


@pytest.mark.parametrize("name", SETTINGS)
def test_windows_equal_those_of_flink(name, tmp_path):
    setting, stored = SETTINGS[name], read_results(FOLDER / f"{name}.csv")
    traces = setting.traces()
    assert set(stored) == set(traces)
    for trace, readings in traces.items():
        messages = [(trace, *reading) for reading in readings]
        result = replay(setting, messages, tmp_path, arrival=max(ts for ts, _ in readings))[trace]
        if setting.zone:
            result = in_local_time(result, setting.zone)
        assert_equal(result, stored[trace])


@pytest.mark.parametrize("name", [name for name, setting in SETTINGS.items() if not setting.zone])
def test_no_series_changes_the_windows_of_another(name, tmp_path):
    """All traces as series of one stream, one of them 25 years behind and a day ahead: each as if it were alone."""
    setting, stored = SETTINGS[name], read_results(FOLDER / f"{name}.csv")
    for trace, result in replay(setting, interleaved(setting.traces()), tmp_path).items():
        assert_equal(result, stored[trace])
