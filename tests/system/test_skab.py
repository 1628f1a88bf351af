# SPDX-License-Identifier: Apache-2.0
"""The group detector stays as good on the Skoltech Anomaly Benchmark as docs/detectors.md says (seen experiments, no labels)."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))

import skab  # noqa: E402


@pytest.mark.skipif(skab.missing() is not None, reason=str(skab.missing()))
def test_skab_scores_of_the_group_detector(figure, tmp_path):
    folder = skab.replay(tmp_path)
    f1, false_alarms, missed = skab.rates([skab.counts(folder, name) for name in skab.names()])
    score, total, met, alarms, outside = skab.changepoints(folder)
    figure("SKAB, no labels used", f"F1 {f1:.3f}, false alarms {false_alarms:.1f} %, missed {missed:.1f} %")
    figure("SKAB changepoints", f"{score['standard']:.1f} standard, {met} of {total} met, {alarms} alarms, {outside} at none")
    assert f1 >= 0.80
    assert false_alarms <= 25
    assert missed <= 22
    # An event is one alarm, where it opens, and not one a row.
    rows = sum(alarm for name in skab.names() for alarm, _ in skab.said(folder, name))
    assert alarms * 50 < rows
