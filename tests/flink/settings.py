# SPDX-License-Identifier: Apache-2.0
"""What is compared: window settings, which API of Flink answers for each, and the files with Flink's results.

A results file is `tests/cases/flink/<setting>.csv`: rows `trace,start,end,count,sum,min,max,avg` in order of trace, start and
end, and per trace one row `<trace>,late,N`. Times are ms since 1970 UTC; with a zone they are local date and time read as if UTC.
"""
import csv
import dataclasses
import pathlib

import traces

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "cases/flink"
DAY = 86_400_000
HOUR = 3_600_000


@dataclasses.dataclass(frozen=True)
class Setting:
    """Durations in ms. `apis`: who is asked in Flink; where several are, they have to agree."""

    kind: str
    size: int = 0
    slide: int = 0
    gap: int = 0
    count: int = 0
    lateness: int = 0
    revise: int = 0
    offset: int = 0
    zone: str = ""
    apis: tuple = ("sql", "datastream")

    def traces(self):
        return traces.DAYS if self.zone else traces.TRACES

    def words(self):
        """For the plan of FlinkWindows.java."""
        return " ".join(f"{field.name}={getattr(self, field.name)}" for field in dataclasses.fields(self)
                        if field.name != "apis" and getattr(self, field.name))

    def toml(self):
        """The gateway's configuration for the same windows."""
        window = [f'type = "{self.kind}"', 'idle = "31d"']
        window += [f'{name} = "{getattr(self, name)}ms"' for name in ("size", "slide", "gap", "lateness", "revise", "offset")
                   if getattr(self, name)]
        window += [f"count = {self.count}"] if self.count else []
        window += [f'zone = "{self.zone}"'] if self.zone else []
        return ('[gateway]\nid = "flink"\n[[stream]]\nname = "trace"\ntopics = "trace/+"\nseries = "{2}"\ntime = "/ts"\n'
                "[[stream.window]]\n" + "\n".join(window) + "\n")


# What SQL cannot say goes to the DataStream API alone: allowed lateness, count windows. An offset, too: streaming SQL loses
# records of windows with an offset (FLINK-36664), so days with an offset are computed by SQL in batch mode.
SETTINGS = {
    "tumbling": Setting("tumbling", size=10_000, lateness=2000),
    "tumbling_strict": Setting("tumbling", size=60_000),
    "tumbling_offset": Setting("tumbling", size=10_000, offset=3500, lateness=1000, apis=("datastream",)),
    "tumbling_revise": Setting("tumbling", size=10_000, lateness=2000, revise=10_000, apis=("datastream",)),
    "hopping": Setting("hopping", size=10_000, slide=2000, lateness=2000),
    "hopping_strict": Setting("hopping", size=15_000, slide=5000),
    "hopping_revise": Setting("hopping", size=10_000, slide=5000, lateness=2000, revise=10_000, apis=("datastream",)),
    "session": Setting("session", gap=5000, lateness=2000),
    "session_strict": Setting("session", gap=1000),
    "count": Setting("count", count=7, apis=("datastream",)),
    "days": Setting("tumbling", size=DAY, lateness=HOUR // 2, zone="Europe/Berlin", apis=("sql", "batch")),
    "shifts": Setting("tumbling", size=DAY, offset=6 * HOUR, lateness=HOUR // 2, zone="Europe/Berlin", apis=("batch",)),
    "hours": Setting("tumbling", size=HOUR, lateness=HOUR // 2, zone="Europe/Berlin", apis=("sql", "batch")),
}


def interleaved(traces):
    """All traces as series of one job, one reading of each in turn."""
    longest = max(map(len, traces.values()))
    return [(name, *readings[i]) for i in range(longest) for name, readings in traces.items() if i < len(readings)]


def write_trace(path, readings):
    path.write_text("series,ts,value\n" + "".join(f"{series},{ts},{value!r}\n" for series, ts, value in readings))


@dataclasses.dataclass
class Result:
    """`windows`: (start, end) -> (count, sum, min, max, avg)."""

    windows: dict
    late: int


def write_results(path, results):
    with path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["trace", "start", "end", "count", "sum", "min", "max", "avg"])
        for trace, result in results.items():
            rows.writerows([trace, *times, *figures] for times, figures in sorted(result.windows.items()))
            rows.writerow([trace, "late", result.late])


def read_results(path):
    results = {}
    with path.open(newline="") as file:
        for trace, *cells in list(csv.reader(file))[1:]:
            result = results.setdefault(trace, Result({}, 0))
            if cells[0] == "late":
                result.late = int(cells[1])
            else:
                result.windows[int(cells[0]), int(cells[1])] = (int(cells[2]), *map(float, cells[3:]))
    return results
