#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""plot.py TRIBUTARY: draws docs/plots/*.svg. For each detector the first TOML block of its section in docs/detectors.md
runs over a made series (or several) through `tributary replay --scores`; the events are shaded, the score stands below."""
import csv
import datetime
import json
import math
import pathlib
import random
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
START = 1_767_571_200  # 2026-01-05, a Monday
WIDTH, HEIGHT, SCORE = 720, 150, 40


def series(name):
    """(seconds, value) of a made signal, with what the detector is for in it; a group has several values."""
    source = random.Random(name)
    noise = lambda size: source.gauss(0, size)
    if name == "threshold":
        for i in range(360):
            yield 5 * i, 74 + 5 * math.sin(i / 30) + noise(0.6) + (5 if 150 < i < 153 or 250 < i < 290 else 0)
    elif name == "rate":
        level = 20.0
        for i in range(360):
            level += 0.06 * math.sin(i / 60) + (0.4 if 150 <= i < 170 else -0.5 if 260 <= i < 275 else 0)
            yield 5 * i, level + noise(0.1)
    elif name == "ewma":
        for i in range(400):
            yield 5 * i, 20 + 3 * math.sin(i / 120) + noise(0.3) + (4 if i in (200, 201) else -3 if 320 <= i < 324 else 0)
    elif name == "robust-z":
        for i in range(400):
            spike = source.random() < 0.08
            yield i, 20 + noise(0.3) + (source.choice((-1, 1)) * source.uniform(4, 8) if i > 60 and spike else 0)
    elif name == "cusum":
        for i in range(500):
            yield i, 50 + noise(1) + (1.5 if i >= 180 else 0) - (3 if i >= 360 else 0)
    elif name == "seasonal":
        for i in range(14 * 48):
            hour = i / 2 % 24
            value = 30 + 40 * (7 <= hour < 17) + noise(2)
            yield 1800 * i, value - (40 if 10 * 48 + 20 <= i < 10 * 48 + 26 else 0) + (40 if 12 * 48 + 2 <= i < 12 * 48 + 6 else 0)
    elif name == "auto":
        for i in range(14 * 72):
            day, hour = divmod(i / 3, 24)
            value = 60 + 15 * math.sin((hour - 9) * math.pi / 12) + noise(1)
            if day == 9 and 11 <= hour < 18:
                value -= 25  # usual at night
            yield 1200 * i, value + (25 if i == 12 * 72 + 60 else 0)
    elif name == "spikes":
        for i in range(600):
            yield i, 5 + noise(0.2) + (4 if i in (100, 240) or 330 <= i < 430 and i % 17 == 0 else 0)
    elif name == "stuck":
        for i in range(360):
            yield 2 * i, 12.34 if 140 <= i < 260 else 12 + math.sin(i / 25) + noise(0.1)
    elif name == "missing":
        for i in range(300):
            if not (120 <= i < 150 or 200 <= i < 204):
                yield 5 * i, 20 + math.sin(i / 25) + noise(0.1)
    elif name == "counter-rate":
        count = 0
        for i in range(360):
            count = 0 if i == 200 else count + (0 if 90 <= i < 130 else 12 if 260 <= i < 300 else 5)
            yield 5 * i, count
    elif name == "group":
        drift = 0.0
        for i in range(700):
            drift += noise(0.12)
            wrong = 1.1 if 500 <= i < 600 else 0
            yield i, (10 + noise(1) + wrong, 18 + noise(1) - wrong, 26 + noise(1) + wrong, 38 + drift)


def run(tributary, name, toml):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        config = folder / "c.toml"
        config.write_text('[gateway]\nid = "plot"\n[[stream]]\nname = "s"\ntopics = "#"\nforward = "events"\n'
                          f"[[stream.detect]]\n{toml}")
        data = folder / "in" / "series.csv"
        data.parent.mkdir()
        with open(data, "w", encoding="utf-8") as file:
            several = name == "group"
            file.write("time,a,b,c,d\n" if several else "time,value\n")
            for second, value in series(name):
                stamp = datetime.datetime.fromtimestamp(START + second, datetime.timezone.utc)
                if several:
                    file.write(f"{stamp:%Y-%m-%dT%H:%M:%S}Z," + ",".join(f"{each:.4g}" for each in value) + "\n")
                    continue
                file.write(f"{stamp:%Y-%m-%dT%H:%M:%S}Z,{value:.4g}\n" if name != "counter-rate" else f"{stamp:%Y-%m-%dT%H:%M:%S}Z,{value}\n")
        done = subprocess.run([tributary, "replay", "--config", config, "--scores", folder / "out", data],
                              check=True, capture_output=True, text=True)
        events = [json.loads(line)["value"] for line in done.stdout.splitlines()]
        with open(folder / "out" / "in" / "series.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    return events, rows


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() - START


def svg(name, events, rows):
    times = [seconds(row["timestamp"]) for row in rows]
    lines = [[float(row["value"]) for row in rows]] if name != "group" else list(zip(*(each for _, each in series(name))))
    scores = [float(row["score"]) for row in rows]
    low, high, last = min(map(min, lines)), max(map(max, lines)), times[-1]
    x = lambda t: f"{10 + (WIDTH - 20) * t / last:.1f}".removesuffix(".0")
    y = lambda v: f"{10 + (HEIGHT - 20) * (high - v) / (high - low):.1f}".removesuffix(".0")
    z = lambda s: f"{HEIGHT + SCORE * (1 - s):.1f}".removesuffix(".0")
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT + SCORE + 10}" font-family="sans-serif" font-size="10">',
           f'<title>{name}</title><rect width="100%" height="100%" fill="#fff"/>']
    for event in events:
        if event["state"] == "closed":
            begin, end = (max(0, min(last, event[key] / 1000 - START)) for key in ("start", "end"))
            out.append(f'<rect x="{x(begin)}" y="0" width="{max(1.5, float(x(end)) - float(x(begin))):.1f}" '
                       f'height="{HEIGHT + SCORE}" fill="#d33" opacity=".25"/>')
    gap = 3 * sorted(b - a for a, b in zip(times, times[1:]))[len(times) // 2]
    for values in lines:
        path = "".join(("M" if i == 0 or times[i] - times[i - 1] > gap else "L") + f"{x(t)} {y(v)}"
                       for i, (t, v) in enumerate(zip(times, values)))
        out.append(f'<path d="{path}" fill="none" stroke="#246" stroke-width="{1 if len(lines) == 1 else 0.6}"/>')
    out.append(f'<path d="M10 {z(0.5)}H{WIDTH - 10}" stroke="#999" stroke-dasharray="3 3"/>')
    out.append(f'<polyline points="{" ".join(f"{x(t)},{z(s)}" for t, s in zip(times, scores))}" fill="none" stroke="#c60"/>')
    out.append(f'<text x="12" y="{HEIGHT + 8}" fill="#c60">score</text></svg>')
    return "\n".join(out) + "\n"


def main():
    text = (HERE.parent / "detectors.md").read_text(encoding="utf-8")
    for section in re.split(r"^## ", text, flags=re.M)[1:]:
        name = section.split("\n", 1)[0]
        if not list(series(name)):
            continue
        toml = re.search(r"```toml\n(.*?)```", section, re.S).group(1)
        events, rows = run(sys.argv[1], name, toml)
        drawn = svg(name, events, rows)
        (HERE / f"{name}.svg").write_text(drawn, encoding="utf-8")
        print(f"{name}: {sum(e['state'] == 'open' for e in events)} events, {len(drawn)} bytes")


if __name__ == "__main__":
    main()
