#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the cases of tests/detect/model_test.cpp anew: small models of scikit-learn and XGBoost, a series, and what the
libraries themselves say to it. Needs both libraries; the test does not. Not part of `make test`.

<case>.json is a model; <case>.csv has one line a reading: the value, then the library's own score of the features up to
and with this reading ("" while there are too few).
"""
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "scripts"))
from export_model import export, features  # noqa: E402


def main():
    from sklearn.ensemble import (GradientBoostingClassifier, GradientBoostingRegressor, IsolationForest,
                                  RandomForestClassifier, RandomForestRegressor)
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier
    from xgboost import XGBClassifier, XGBRegressor

    random = np.random.default_rng(7)
    n = 600
    values = 50 + 8 * np.sin(np.arange(n) / 15) + random.normal(size=n)
    wrong = np.zeros(n, dtype=int)
    for at in range(40, n - 10, 60):
        values[at:at + 4] += random.choice([-1, 1]) * random.uniform(6, 12)
        wrong[at:at + 4] = 1
    names = ["value", "lag1", "lag5", "diff1", "diff3", "mean10", "std10", "min20", "max20"]
    X = features(values, names)
    full = ~np.isnan(X).any(axis=1)
    scores = {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
        "tree": DecisionTreeClassifier(max_depth=5, random_state=1),
        "forest": RandomForestClassifier(n_estimators=12, max_depth=5, random_state=1),
        "boosted": GradientBoostingClassifier(n_estimators=20, max_depth=3, random_state=1),
        "isolation": IsolationForest(n_estimators=8, max_samples=64, random_state=1),
        "xgboost": XGBClassifier(n_estimators=20, max_depth=3, random_state=1),
    }
    forecasts = {
        "linear_forecast": LinearRegression(),
        "forest_forecast": RandomForestRegressor(n_estimators=6, max_depth=5, random_state=1),
        "boosted_forecast": GradientBoostingRegressor(n_estimators=15, max_depth=3, random_state=1),
        "xgboost_forecast": XGBRegressor(n_estimators=20, max_depth=3, random_state=1),
    }
    for case, model in {**scores, **forecasts}.items():
        forecast = case in forecasts
        rows = np.flatnonzero(full)[:-1] if forecast else np.flatnonzero(full)
        if case == "isolation":
            model.fit(X[rows])
            own = -model.score_samples(X[rows])
        else:
            model.fit(X[rows], values[rows + 1] if forecast else wrong[rows])
            own = model.predict(X[rows]) if forecast else model.predict_proba(X[rows])[:, 1]
        worst = export(model, names, HERE / f"{case}.json", forecast)
        said = dict(zip(rows.tolist(), own.tolist()))
        lines = [f"{value!r},{said[i]!r}" if i in said else f"{value!r}," for i, value in enumerate(values.tolist())]
        (HERE / f"{case}.csv").write_text("\n".join(lines[:300]) + "\n")
        print(f"{case}: {worst:.1e}, {(HERE / f'{case}.json').stat().st_size} bytes")


if __name__ == "__main__":
    main()
