#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The default detector on the Numenta Anomaly Benchmark, through `tributary replay --scores`.

    nab.py                 scores of the three profiles with what is shipped, at the fixed threshold 0.5
    nab.py --per-file      the same, and each file
    nab.py --cv            also cross-validated: the sensitivity chosen on four fifths of the files, the rest scored
    nab.py --deviation 0.5 also after thinning out: what a swinging door keeps at half a sigma of the noise, joined by lines

Data and scorer are taken from ../shared (not part of this repository). The sensitivity is the only number --cv fits: it is where
the mean of the three profiles, smoothed over neighbouring sensitivities, is highest; folds are balanced over the categories of
files, and several assignments to folds are averaged.
"""
import argparse
import csv
import importlib.util
import json
import math
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
DATA = SHARED / "data/nab"
BINARY = pathlib.Path(os.environ.get("TRIBUTARY_BIN", ROOT / "build/release/bin/tributary"))
CONFIG = """
[gateway]
id = "bench"
[[stream]]
name = "nab"
topics = ["+/value"]
forward = "events"
[[stream.detect]]
type = "auto"
sensitivity = {}
"""
THRESHOLD = 0.5
FOLDS, ASSIGNMENTS, SMOOTHING = 5, 10, 6
SENSITIVITIES = [math.exp(step / 10) for step in range(-16, 13)]


def missing():
    """Why it cannot run here, or nothing."""
    for path in (DATA / "combined_windows.json", SHARED / "tools/nabscore.py"):
        if not path.exists():
            return f"{path.relative_to(ROOT.parent)} is not there"
    return None


def load_scorer():
    spec = importlib.util.spec_from_file_location("nabscore", SHARED / "tools/nabscore.py")
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    return scorer


def windows():
    return json.loads((DATA / "combined_windows.json").read_text())


def replay(folder, sensitivity=1.0, data=DATA / "data"):
    """Scores of all files as the scorer reads them, under folder/scores."""
    config = folder / "nab.toml"
    config.write_text(CONFIG.format(sensitivity))
    files = [data / name for name in sorted(windows())]
    subprocess.run([BINARY, "replay", "-c", config, "--scores", folder / "scores", "-o", os.devnull, *files],
                   check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
    return folder / "scores"


def series_at(sensitivity=1.0):
    with tempfile.TemporaryDirectory() as folder:
        return load_scorer().load(str(replay(pathlib.Path(folder), sensitivity)), windows())


def door(values, deviation):
    """The values as a receiver joins what a swinging door kept: none is further than deviation from the line."""
    out, start, low, high, kept = list(values), 0, -math.inf, math.inf, 1

    def close(end):
        for i in range(start + 1, end):
            out[i] = values[start] + (values[end] - values[start]) * (i - start) / (end - start)

    for i in range(1, len(values)):
        slope = (values[i] - values[start]) / (i - start)
        if not low <= slope <= high:
            close(i - 1)
            start, low, high, kept = i - 1, -math.inf, math.inf, kept + 1
        low = max(low, (values[i] - deviation - values[start]) / (i - start))
        high = min(high, (values[i] + deviation - values[start]) / (i - start))
    close(len(values) - 1)
    return out, kept + 1


def thinned(folder, times_sigma):
    """The data as after thinning out, sigma being that of the noise: from the median step between readings."""
    readings = kept = 0
    for name in windows():
        with open(DATA / "data" / name, newline="") as file:
            rows = list(csv.reader(file))
        values = [float(row[1]) for row in rows[1:]]
        steps = [abs(b - a) for a, b in zip(values, values[1:])]
        new, count = door(values, times_sigma * 1.4826 * statistics.median(steps) / math.sqrt(2))
        readings, kept = readings + len(values), kept + count
        path = folder / "thinned" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", newline="") as file:
            csv.writer(file).writerows([rows[0], *([row[0], repr(value)] for row, value in zip(rows[1:], new))])
    return folder / "thinned", readings / kept


def report(series):
    scorer = load_scorer()
    return scorer.report(series, dict.fromkeys(scorer.PROFILES, THRESHOLD))


def points(scorer, series):
    """File -> profile -> (raw above doing nothing, what a perfect detector would have above that)."""
    out = {}
    for one in series:
        out[one.name] = {}
        for profile, (true, _, missed) in scorer.PROFILES.items():
            nothing = -missed * len(one.reachable)
            out[one.name][profile] = (one.score_at(THRESHOLD, profile)[0] - nothing, true * one.windows - nothing)
    return out


def score(table, names, profile):
    return 100 * sum(table[name][profile][0] for name in names) / sum(table[name][profile][1] for name in names)


def fold_of(names, seed):
    """Each category is dealt out evenly."""
    rng, fold, dealt = random.Random(seed), {}, 0
    for category in sorted({name.split("/")[0] for name in names}):
        inside = [name for name in names if name.split("/")[0] == category]
        rng.shuffle(inside)
        for name in inside:
            fold[name] = dealt % FOLDS
            dealt += 1
    return fold


def best(tables, names, profiles):
    means = [sum(score(table, names, profile) for profile in profiles) / len(profiles) for table in tables]

    def smooth(i):
        near = [(SMOOTHING + 1 - abs(j - i), means[j]) for j in range(i - SMOOTHING, i + SMOOTHING + 1) if 0 <= j < len(means)]
        return sum(w * m for w, m in near) / sum(w for w, _ in near)

    return max(range(len(means)), key=smooth)


def cross_validate():
    scorer = load_scorer()
    tables = [points(scorer, series_at(each)) for each in SENSITIVITIES]
    names = sorted(tables[0])
    seen = {profile: [] for profile in scorer.PROFILES}
    chosen = []
    for seed in range(ASSIGNMENTS):
        fold = fold_of(names, seed)
        pick = {}
        for k in range(FOLDS):
            pick[k] = best(tables, [name for name in names if fold[name] != k], list(scorer.PROFILES))
            chosen.append(SENSITIVITIES[pick[k]])
        for profile in scorer.PROFILES:
            raw = sum(tables[pick[fold[name]]][name][profile][0] for name in names)
            seen[profile].append(100 * raw / sum(tables[0][name][profile][1] for name in names))
    print("\ncross-validated (sensitivity fitted on four fifths of the files, scored on the rest)")
    for profile, values in seen.items():
        print(f"{profile:15} {sum(values) / len(values):7.2f}   from {min(values):.2f} to {max(values):.2f}")
    print(f"sensitivities chosen: {min(chosen):.2f} to {max(chosen):.2f}; shipped: 1")
    print("all files by sensitivity: " + ", ".join(
        f"{each:.2f}: {score(table, names, 'standard'):.1f}" for each, table in zip(SENSITIVITIES, tables)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-file", action="store_true")
    parser.add_argument("--cv", action="store_true")
    parser.add_argument("--deviation", type=float, help="in sigmas of the noise")
    options = parser.parse_args()
    if missing():
        sys.exit(missing())
    load_scorer().show(report(series_at()), options.per_file)
    if options.deviation is not None:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            data, ratio = thinned(folder, options.deviation)
            print(f"\nthinned out {ratio:.2f} : 1, deviation {options.deviation} sigma of the noise")
            load_scorer().show(report(load_scorer().load(str(replay(folder, data=data)), windows())))
    if options.cv:
        cross_validate()


if __name__ == "__main__":
    main()
