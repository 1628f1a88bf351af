#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the case of tests/detect/onnx_test.cpp anew: a small network, and what ONNX Runtime itself says of a series. Needs
scikit-learn, skl2onnx and onnxruntime; the test does not need Python. Not part of `make test`."""
import pathlib
import sys

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "scripts"))
from export_model import export_onnx, features  # noqa: E402

random = np.random.default_rng(5)
n = 400
values = 50 + 8 * np.sin(np.arange(n) / 15) + random.normal(size=n)
wrong = np.zeros(n, dtype=int)
for at in range(40, n - 10, 60):
    values[at:at + 4] += 10
    wrong[at:at + 4] = 1
names = ["value", "lag1", "diff3", "mean10", "std10"]
X = features(values, names)
full = ~np.isnan(X).any(axis=1)
network = make_pipeline(StandardScaler(), MLPClassifier((6,), max_iter=2000, random_state=1)).fit(X[full], wrong[full])
model = to_onnx(network, X[full][:1].astype(np.float32), options={"zipmap": False}).SerializeToString()
export_onnx(model, names, HERE / "network.json", source="scikit-learn MLPClassifier")
said = onnxruntime.InferenceSession(model).run(None, {"X": X[full].astype(np.float32)})[-1][:, -1]
with open(HERE / "network.csv", "w", encoding="utf-8") as file:
    rows = iter(said)
    for value, complete in zip(values, full):
        file.write(f"{float(value)!r},{repr(float(next(rows))) if complete else ''}\n")
