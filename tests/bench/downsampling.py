# SPDX-License-Identifier: Apache-2.0
"""The measured table of docs/downsampling.md: reduction, greatest error and RMSE per method and series, on the public
series of ../shared/data (which are read there and not part of this repository). With --write it goes into the page.
Deviations are in percent of the span, the span being the 0.1 to 99.9 % quantiles of the series."""
import argparse
import csv
import datetime
import math
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "../shared/data"
PAGE = ROOT / "docs/downsampling.md"
TOOL = ROOT / "build/release/bin/downsample_tool"
BEGIN, END = "<!-- measured: make bench-downsampling -->\n", "<!-- end of measured -->\n"

NAB = "nab/data/realKnownCause/ambient_temperature_system_failure.csv", "nab/data/realKnownCause/nyc_taxi.csv"
SKAB = "skab/anomaly-free.csv", "skab/valve1/0.csv"
SKAB_COLUMNS = "Thermocouple", "Temperature", "Accelerometer1RMS", "Current", "Volume Flow RateRMS"
PERCENT = 0.5, 1, 2
LONG = 'max_time = "30d"\n'


def stamp_ms(text):
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc).timestamp() * 1000)


def in_order(points):
    newest, out = -1, []
    for time_ms, value in points:
        if time_ms >= newest:
            out.append((time_ms, value))
            newest = time_ms
    return out


def all_series():
    for name in NAB:
        with open(DATA / name) as file:
            yield "NAB " + pathlib.Path(name).stem.split("_system")[0], in_order(
                (stamp_ms(row["timestamp"]), float(row["value"])) for row in csv.DictReader(file))
    for name in SKAB:
        with open(DATA / name) as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        for column in SKAB_COLUMNS:
            yield f"SKAB {name.removeprefix('skab/').removesuffix('.csv')} {column.removesuffix('RMS')}", in_order(
                (stamp_ms(row["datetime"]), float(row[column])) for row in rows)


def span_of(points):
    values = sorted(value for _, value in points)
    return values[int(0.999 * (len(values) - 1))] - values[int(0.001 * (len(values) - 1))]


def thin(table, points):
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(table)
        file.flush()
        out = subprocess.run([TOOL, "thin", file.name], check=True, capture_output=True, text=True,
                             input="".join(f"{time_ms} {value!r}\n" for time_ms, value in points)).stdout
    return [(int(t), float(v), float(d)) for t, v, d in (line.split() for line in out.splitlines())]


def errors(points, kept, hold):
    """Of every reading against what a consumer draws, in units of the deviation in force, and plain."""
    at, worst, squares = 0, 0.0, 0.0
    for time_ms, value in points:
        while at + 1 < len(kept) and kept[at + 1][0] <= time_ms:
            at += 1
        error = abs(value - kept[at][1])
        if not hold and at + 1 < len(kept) and time_ms > kept[at][0]:
            (t0, v0, _), (t1, v1, _) = kept[at], kept[at + 1]
            error = abs(v0 + (v1 - v0) * ((time_ms - t0) / (t1 - t0)) - value)
        if error > 0:
            bound = kept[at + 1][2] if at + 1 < len(kept) else kept[at][2]
            worst = max(worst, error / bound if bound > 0 else 0 if bound < 0 else math.inf)
        squares += error * error
    return worst, math.sqrt(squares / len(points))


def window_for(points, ratio):
    """A window of so many readings, in whole ms."""
    return max(1, (points[-1][0] - points[0][0]) * ratio // len(points))


def measure():
    rows, gains = [], []
    for name, points in all_series():
        span = span_of(points)
        for percent in PERCENT:
            deviation = f"deviation = {span * percent / 100!r}\n" + LONG
            cells, ratios = [], {}
            for label, table in (("deadband", 'type = "deadband"\n'), ("strict", 'type = "swinging-door"\nbuffer = false\n'),
                                 ("buffered", 'type = "swinging-door"\n')):
                kept = thin(table + deviation, points)
                worst, rmse = errors(points, kept, label == "deadband")
                ratios[label] = len(points) / len(kept)
                cells.append(f"{ratios[label]:.2f} / {worst:.3f} / {rmse / span * 100:.2f}")
            gain = ratios["buffered"] / ratios["strict"]
            gains.append((gain, ratios["strict"]))
            rows.append(f"| {name} | {percent} % | " + " | ".join(cells) + f" | {gain:.2f} |")
    return rows, gains


def measure_auto():
    rows = []
    for name, points in all_series():
        kept = thin('type = "swinging-door"\ndeviation = "auto"\n' + LONG, points)
        worst, rmse = errors(points, kept, False)
        span = span_of(points)
        largest = sorted(d for _, _, d in kept)
        rows.append(f"| {name} | {len(points) / len(kept):.2f} | {worst:.3f} | {rmse / span * 100:.2f} | "
                    f"{largest[len(largest) // 2] / span * 100:.2f} / {largest[-1] / span * 100:.2f} |")
    return rows


def measure_shapes():
    rows = []
    for name, points in all_series():
        span, cells = span_of(points), []
        for table, per_window in (('type = "m4"\n', 4), ('type = "minmaxlttb"\npoints = 12\n', 12),
                                  ('type = "lttb"\npoints = 12\n', 12), ('type = "sample"\n', 1)):
            length = window_for(points, per_window * 10)
            key = "every" if "sample" in table else "window"
            kept = thin(table + f'{key} = "{length}ms"\n', points)
            _, rmse = errors(points, kept, False)
            worst = max((abs(value - drawn) for value, drawn in drawn_pairs(points, kept)), default=0)
            cells.append(f"{len(points) / len(kept):.1f} / {worst / span * 100:.1f} / {rmse / span * 100:.2f}")
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return rows


def drawn_pairs(points, kept):
    at = 0
    for time_ms, value in points:
        while at + 1 < len(kept) and kept[at + 1][0] <= time_ms:
            at += 1
        if at + 1 < len(kept) and time_ms > kept[at][0]:
            (t0, v0, _), (t1, v1, _) = kept[at], kept[at + 1]
            yield value, v0 + (v1 - v0) * ((time_ms - t0) / (t1 - t0))


def geometric(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def page_part():
    rows, gains = measure()
    every = [gain for gain, _ in gains]
    thinned = [gain for gain, strict in gains if strict >= 1.5]
    return "\n".join([
        "Error-bounded methods; each cell: readings in to readings kept / greatest error in deviations / RMSE in % of the span.", "",
        "| series | deviation | deadband | strict door | buffered door | buffered to strict |", "|---|---|---|---|---|---|",
        *rows, "",
        f"Buffered to strict door: geometric mean {geometric(every):.2f} over all {len(every)} rows, {geometric(thinned):.2f} over the "
        f"{len(thinned)} in which the strict door keeps less than two of three readings, least {min(every):.3f}.", "",
        "`deviation = \"auto\"`, buffered door, k = 4:", "",
        "| series | in : kept | greatest error in deviations | RMSE in % of the span | deviation in force, median / greatest, % of the span |",
        "|---|---|---|---|---|", *measure_auto(), "",
        "Without a bound, about 10 : 1; each cell: readings in to readings kept / greatest error / RMSE, both in % of the span, "
        "lines drawn between kept readings.", "",
        "| series | m4 | minmaxlttb | lttb | sample |", "|---|---|---|---|---|", *measure_shapes(), ""])


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--write", action="store_true", help="into docs/downsampling.md")
    write = options.parse_args().write
    if not DATA.is_dir():
        sys.exit(f"{DATA} is not there: nothing to measure")
    part = page_part()
    if not write:
        print(part)
    else:
        text = PAGE.read_text()
        head, rest = text.split(BEGIN)
        PAGE.write_text(head + BEGIN + part + END + rest.split(END)[1])
    subprocess.run([TOOL, "speed"], check=True)


if __name__ == "__main__":
    main()
