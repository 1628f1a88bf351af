# SPDX-License-Identifier: Apache-2.0
"""The default detector stays as good on the Numenta Anomaly Benchmark as docs/detectors.md says (seen files, fixed threshold)."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))

import nab  # noqa: E402

AT_LEAST = {"standard": 73, "reward_low_FP": 65, "reward_low_FN": 78}


@pytest.mark.skipif(nab.missing() is not None, reason=str(nab.missing()))
def test_nab_scores_of_the_default_detector(figure):
    for profile, result in nab.report(nab.series_at()).items():
        figure(f"NAB {profile}", f"{result['score']:.2f} ({result['windows_found']}/{result['windows']} windows, "
                                 f"{result['false_alarms']} false alarms)")
        assert result["score"] >= AT_LEAST[profile]
