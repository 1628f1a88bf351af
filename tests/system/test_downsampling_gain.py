# SPDX-License-Identifier: Apache-2.0
"""What the doors are worth on public series of machines (tests/bench/downsampling.py, which also writes the table of
docs/downsampling.md): the buffered door against the strict one, and the deviation that a series teaches itself."""
import importlib.util
import pathlib

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[1] / "bench/downsampling.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("downsampling", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not module.DATA.is_dir():
        pytest.skip(f"the public series are not there: {module.DATA}")
    if not module.TOOL.exists():
        pytest.skip("downsample_tool is not built (scripts/build.sh release downsample_tool)")
    return module


def test_buffered_door_against_the_strict_one(bench, figure):
    _, gains = bench.measure()
    thinned = [gain for gain, strict in gains if strict >= 1.5]
    figure("buffered to strict door, geometric mean where the strict one thins out", round(bench.geometric(thinned), 3))
    figure("buffered to strict door, least", round(min(gain for gain, _ in gains), 3))
    assert min(gain for gain, _ in gains) >= 0.98
    assert bench.geometric(thinned) >= 1.15


def test_learned_deviation(bench, figure):
    points = dict(bench.all_series())["SKAB anomaly-free Thermocouple"]
    kept = bench.thin('type = "swinging-door"\ndeviation = "auto"\n' + bench.LONG, points)
    figure("learned deviation, SKAB Thermocouple, reduction", round(len(points) / len(kept), 1))
    worst, _ = bench.errors(points, kept, False)
    assert worst <= 1 + 1e-9
    assert len(points) / len(kept) >= 10
    assert max(deviation for _, _, deviation in kept) <= 0.02 * bench.span_of(points)
