#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The group detector on the Skoltech Anomaly Benchmark, through `tributary replay --scores`.

    skab.py                F1, false alarm rate, missed alarm rate and changepoint score with what is shipped
    skab.py --per-file     the same, and each experiment
    skab.py --cv           also cross-validated: limit and smoothing chosen on four fifths of the experiments, the rest scored

Data and scorer are taken from ../shared (not part of this repository). The first 400 rows of each experiment are not scored,
the others of all experiments are pooled. --cv chooses where F1, averaged over neighbouring settings, is highest; several
assignments to folds are averaged. The changepoint score is that of the benchmark with windows of 60 s from each changepoint
on: the only alarms it gets are those with which an event opened.
"""
import argparse
import csv
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile
from datetime import datetime

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
DATA = SHARED / "data/skab"
SCORER = SHARED / "tools/skabscore.py"
BINARY = pathlib.Path(os.environ.get("TRIBUTARY_BIN", ROOT / "build/release/bin/tributary"))
CONFIG = """
[gateway]
id = "bench"
[[stream]]
name = "skab"
topics = [{topics}]
forward = "events"
[[stream.detect]]
type = "group"
{options}
"""
LABELS = ("anomaly", "changepoint")
TRAIN = 400  # rows
WINDOW_S = 60
PROFILES = {"standard": (0.11, 1), "low FP": (0.22, 1), "low FN": (0.11, 2)}  # price of a false alarm, of a miss
FOLDS, ASSIGNMENTS = 5, 20
LIMITS = [1, 1.06, 1.12, 1.18, 1.25, 1.32, 1.4, 1.5]
SMOOTHS = [8, 10, 12, 15, 18, 22, 27]


def missing():
    """Why it cannot run here, or nothing."""
    for path in (DATA, SCORER):
        if not path.exists():
            return f"{path.relative_to(ROOT.parent)} is not there"
    return None


def names():
    return sorted(str(path.relative_to(DATA)) for path in DATA.glob("*/*.csv"))


def truth(name):
    """Rows of an experiment: seconds, is it an anomaly, is it a changepoint."""
    with open(DATA / name, newline="") as file:
        return [(datetime.fromisoformat(row["datetime"]).timestamp(), float(row["anomaly"]) == 1,
                 float(row["changepoint"]) == 1) for row in csv.DictReader(file, delimiter=";")]


def replay(folder, options=""):
    """Scores of all experiments as the scorer reads them, under folder/scores."""
    config = folder / "skab.toml"
    with open(DATA / names()[0]) as file:
        columns = [column for column in file.readline().strip().split(";")[1:] if column not in LABELS]
    config.write_text(CONFIG.format(topics=", ".join(f'"+/{column}"' for column in columns), options=options))
    subprocess.run([BINARY, "replay", "-c", config, "--scores", folder / "scores", "-o", os.devnull,
                    *(DATA / name for name in names())],
                   check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
    return folder / "scores"


def said(folder, name):
    """Row by row: is an event open, did one open."""
    with open(folder / name, newline="") as file:
        return [(row["alarm"] == "1", float(row["anomaly_score"]) >= 0.5) for row in csv.DictReader(file)]


def counts(folder, name):
    """True and false alarms, missed and quiet rows behind the learning time."""
    out = [0, 0, 0, 0]
    for (_, wrong, _), (alarm, _) in list(zip(truth(name), said(folder, name), strict=True))[TRAIN:]:
        out[(0 if alarm else 2) if wrong else (1 if alarm else 3)] += 1
    return out


def rates(rows):
    """F1, false alarm rate and missed alarm rate in per cent."""
    tp, fp, fn, tn = (sum(column) for column in zip(*rows))
    return (2 * tp / (2 * tp + fp + fn) if tp else 0.0, 100 * fp / max(fp + tn, 1), 100 * fn / max(fn + tp, 1))


def changepoints(folder):
    """Profile -> score, and how many of the changepoints were met by how many alarms, how many of these outside."""
    raw, total, met, alarms, outside = dict.fromkeys(PROFILES, 0.0), 0, 0, 0, 0
    for name in names():
        rows, end = truth(name), -math.inf
        times = [rows[i][0] for i, (_, opened) in enumerate(said(folder, name)) if opened and i >= TRAIN]
        inside = set()
        for start in (time for time, _, change in rows[TRAIN:] if change):
            start, end = max(start, end), start + WINDOW_S
            hits = [time for time in times if start <= time <= end]
            inside.update(hits)
            total, met = total + 1, met + bool(hits)
            for profile, (false, miss) in PROFILES.items():
                if not hits:
                    raw[profile] -= miss
                    continue
                x = math.pi * ((min(hits) - start) / max(end - start, 1) - 0.5)
                raw[profile] += (1 - false) / 2 - (1 + false) / 2 * math.tanh(x) / math.tanh(math.pi / 2)
        alarms, outside = alarms + len(times), outside + len(set(times) - inside)
        for profile, (false, _) in PROFILES.items():
            raw[profile] -= false * len(set(times) - inside)
    score = {profile: 100 * (raw[profile] + miss * total) / (total + miss * total)
             for profile, (_, miss) in PROFILES.items()}
    return score, total, met, alarms, outside


def show(folder, per_file=False):
    if per_file:
        for name in names():
            print("{:16} F1 {:.3f}  FAR {:5.1f} %  MAR {:5.1f} %  {} events".format(
                name, *rates([counts(folder, name)]), sum(opened for _, opened in said(folder, name))))
    print("F1 {:.3f}  FAR {:.1f} %  MAR {:.1f} %".format(*rates([counts(folder, name) for name in names()])))
    score, total, met, alarms, outside = changepoints(folder)
    print("changepoints, alarms at onset only: " + ", ".join(f"{k} {v:.1f}" for k, v in score.items())
          + f" ({met} of {total} met, {alarms} alarms, {outside} of them at none)")


def table():
    """Setting (smoothing, limit) as indices -> file -> counts."""
    out = {}
    for i, smooth in enumerate(SMOOTHS):
        for j, limit in enumerate(LIMITS):
            with tempfile.TemporaryDirectory() as name:
                folder = replay(pathlib.Path(name), f"smooth = {smooth}\nlimit = {limit}")
                out[i, j] = {name: counts(folder, name) for name in names()}
    return out


def best(settings, inside):
    f1 = {at: rates([each[name] for name in inside])[0] for at, each in settings.items()}

    def smoothed(at):
        near = [f1[other] for other in f1 if abs(other[0] - at[0]) <= 1 and abs(other[1] - at[1]) <= 1]
        return sum(near) / len(near)

    return max(f1, key=smoothed)


def cross_validate():
    settings, seen, chosen = table(), [], []
    for seed in range(ASSIGNMENTS):
        order = names()
        random.Random(seed).shuffle(order)
        rows = []
        for k in range(FOLDS):
            outside = order[k::FOLDS]
            at = best(settings, [name for name in order if name not in outside])
            chosen.append(at)
            rows += [settings[at][name] for name in outside]
        seen.append(rates(rows))
    print("\ncross-validated (limit and smoothing chosen on four fifths of the experiments, scored on the rest)")
    print("F1 {:.3f} (from {:.3f} to {:.3f})  FAR {:.1f} %  MAR {:.1f} %".format(
        *(f([each[0] for each in seen]) for f in (lambda all: sum(all) / len(all), min, max)),
        *(sum(each[i] for each in seen) / len(seen) for i in (1, 2))))
    often = max(set(chosen), key=chosen.count)
    print(f"chosen most often: smooth {SMOOTHS[often[0]]}, limit {LIMITS[often[1]]}")
    everything = [rates(list(each.values())) for each in settings.values()]
    print("mean of all {} settings: F1 {:.3f}  FAR {:.1f} %  MAR {:.1f} %".format(
        len(everything), *(sum(each[i] for each in everything) / len(everything) for i in range(3))))
    print("by limit, smooth 15: " + ", ".join("{}: {:.3f}/{:.0f}/{:.0f}".format(
        limit, *rates(list(settings[SMOOTHS.index(15), j].values()))) for j, limit in enumerate(LIMITS)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-file", action="store_true")
    parser.add_argument("--cv", action="store_true")
    options = parser.parse_args()
    if missing():
        sys.exit(missing())
    with tempfile.TemporaryDirectory() as name:
        folder = replay(pathlib.Path(name))
        show(folder, options.per_file)
        subprocess.run([sys.executable, SCORER, folder, DATA], check=True)
    if options.cv:
        cross_validate()


if __name__ == "__main__":
    main()
