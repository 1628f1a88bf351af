#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Models of scikit-learn and XGBoost for the detector `model`: docs/formats/model.md.

    from export_model import features, export
    X = features(values, ["value", "diff1", "mean10", "std10"])     # one row a reading
    ...
    export(fitted, ["value", "diff1", "mean10", "std10"], "model.json")

or  export_model.py MODEL.pkl OUTPUT.json --features value,diff1,mean10,std10 [--forecast]

The written model is evaluated here by the rules of the format and compared with the library's own predictions; it is
refused when they differ by more than 1e-6.
"""
import argparse
import base64
import json
import math
import pickle
import sys

import numpy as np

MOST_READINGS = 48


def _feature(values, name):
    if name == "value":
        return values.copy()
    kind, n = name.rstrip("0123456789"), int(name[len(name.rstrip("0123456789")):])
    out = np.full(len(values), np.nan)
    if kind in ("lag", "diff"):
        if not 1 <= n < MOST_READINGS:
            raise ValueError(f"{name}: at most {MOST_READINGS - 1}")
        out[n:] = values[:-n] if kind == "lag" else values[n:] - values[:-n]
        return out
    figures = {"mean": np.mean, "std": np.std, "min": np.min, "max": np.max}
    if kind not in figures or not 1 <= n <= MOST_READINGS:
        raise ValueError(f"there is no feature {name}")
    windows = np.lib.stride_tricks.sliding_window_view(values, n)
    out[n - 1:] = figures[kind](windows, axis=1)
    return out


def features(values, names):
    """One row a reading; NaN where there are too few readings yet. For a forecast, train row i on values[i + 1]."""
    values = np.asarray(values, dtype=float)
    return np.column_stack([_feature(values, name) for name in names])


def _numbers(values):
    return [float(value) for value in values]


def _sklearn_tree(tree, leaf):
    """leaf(node) = its number. Children stand behind their parents, as scikit-learn keeps them."""
    size = tree.node_count
    leaves = tree.children_left[:size] < 0
    return {"feature": [-1 if leaves[i] else int(tree.feature[i]) for i in range(size)],
            "value": [float(leaf(i)) if leaves[i] else float(tree.threshold[i]) for i in range(size)],
            "left": [0 if leaves[i] else int(tree.children_left[i]) for i in range(size)],
            "right": [0 if leaves[i] else int(tree.children_right[i]) for i in range(size)]}


def _positive(model):
    classes = list(model.classes_)
    if len(classes) != 2:
        raise ValueError("only classifiers of two classes: the second is the anomaly")
    return 1


def _class_leaf(tree, positive):
    def leaf(node):
        counts = tree.value[node][0]
        return counts[positive] / counts.sum()
    return leaf


def _average_path(n):
    """Of an unsuccessful search in a binary tree of n: Liu, Ting, Zhou, "Isolation forest" (2008), as scikit-learn."""
    n = float(n)
    if n <= 1:
        return 0.0
    return 1.0 if n == 2 else 2 * (math.log(n - 1) + np.euler_gamma) - 2 * (n - 1) / n


def _isolation(model):
    unit = len(model.estimators_) * _average_path(model.max_samples_)
    trees = []
    for each, used in zip(model.estimators_, model.estimators_features_):
        tree, depth = each.tree_, [0] * each.tree_.node_count
        for i in range(tree.node_count):
            for child in (tree.children_left[i], tree.children_right[i]):
                if child > 0:
                    depth[child] = depth[i] + 1
        converted = _sklearn_tree(tree, lambda i: -math.log(2) * (depth[i] + _average_path(tree.n_node_samples[i])) / unit)
        converted["feature"] = [f if f < 0 else int(used[f]) for f in converted["feature"]]
        trees.append(converted)
    return {"link": "exp", "trees": trees}, lambda X: -model.score_samples(X)


def _linear(model, scaler):
    weights, base = np.ravel(model.coef_).astype(float), float(np.ravel(model.intercept_)[0])
    if scaler is not None:
        if getattr(scaler, "scale_", None) is not None:
            weights = weights / scaler.scale_
        if getattr(scaler, "mean_", None) is not None and scaler.with_mean:
            base -= float(weights @ scaler.mean_)
    return {"base": base, "linear": _numbers(weights)}


def _sklearn(model):
    name, scaler, whole = type(model).__name__, None, model
    if name == "Pipeline":
        scaler, model = model[0], model[-1]
        if len(whole) != 2 or type(scaler).__name__ != "StandardScaler" or not hasattr(model, "coef_"):
            raise ValueError("of pipelines only StandardScaler and a linear model")
        name = type(model).__name__
    chance = lambda X: whole.predict_proba(X)[:, 1]
    if name == "LogisticRegression":
        _positive(model)
        return {"link": "logistic", **_linear(model, scaler)}, chance
    if hasattr(model, "coef_") and not hasattr(model, "classes_"):
        return {"link": "identity", **_linear(model, scaler)}, whole.predict
    if name == "IsolationForest":
        return _isolation(model)
    if name in ("DecisionTreeClassifier", "ExtraTreeClassifier"):
        return {"link": "identity", "trees": [_sklearn_tree(model.tree_, _class_leaf(model.tree_, _positive(model)))]}, chance
    if name in ("DecisionTreeRegressor", "ExtraTreeRegressor"):
        return {"link": "identity", "trees": [_sklearn_tree(model.tree_, lambda i: model.tree_.value[i][0][0])]}, whole.predict
    if name in ("RandomForestClassifier", "ExtraTreesClassifier", "RandomForestRegressor", "ExtraTreesRegressor"):
        many, trees = len(model.estimators_), []
        for each in model.estimators_:
            tree = each.tree_
            inner = _class_leaf(tree, _positive(model)) if name.endswith("Classifier") else (
                lambda i, tree=tree: tree.value[i][0][0])
            trees.append(_sklearn_tree(tree, lambda i, inner=inner: inner(i) / many))
        return {"link": "identity", "trees": trees}, chance if name.endswith("Classifier") else whole.predict
    if name in ("GradientBoostingClassifier", "GradientBoostingRegressor"):
        classifier = name.endswith("Classifier")
        if classifier:
            _positive(model)
            if model.loss != "log_loss":
                raise ValueError("of boosted classifiers only loss = log_loss")
        rate = model.learning_rate
        trees = [_sklearn_tree(each.tree_, lambda i, t=each.tree_: rate * t.value[i][0][0])
                 for each in model.estimators_[:, 0]]
        if model.init_ == "zero":
            base = 0.0
        elif classifier:
            prior = float(model.init_.class_prior_[1])
            base = math.log(prior / (1 - prior))
        else:
            base = float(np.ravel(model.init_.constant_)[0])
        return {"link": "logistic" if classifier else "identity", "base": base, "trees": trees}, (
            chance if classifier else whole.predict)
    raise ValueError(f"{name} is not supported")


def _xgboost(model):
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    learner = json.loads(booster.save_raw("json"))["learner"]
    objective, forest = learner["objective"]["name"], learner["gradient_booster"]
    if forest.get("name") != "gbtree":
        raise ValueError("of XGBoost only gbtree")
    links = {"reg:squarederror": "identity", "reg:absoluteerror": "identity", "binary:logistic": "logistic"}
    if objective not in links or max(forest["model"]["tree_info"], default=0) > 0:
        raise ValueError(f"of XGBoost only one output, and {', '.join(links)}")
    base = float(learner["learner_model_param"]["base_score"].strip("[]"))
    if objective == "binary:logistic":
        base = math.log(base / (1 - base))
    trees = []
    # Early stopping: what predict() leaves out.
    last = (getattr(model, "best_iteration", None) if hasattr(model, "early_stopping_rounds") and
            model.early_stopping_rounds else None)
    for tree in forest["model"]["trees"][:None if last is None else last + 1]:
        left, right, conditions = tree["left_children"], tree["right_children"], tree["split_conditions"]
        if any(tree.get("split_type", [])):
            raise ValueError("no categories")
        # "less than" of singles is "at most the single before it".
        before = lambda value: float(np.nextafter(np.float32(value), np.float32(-np.inf)))
        trees.append({"feature": [-1 if l < 0 else f for l, f in zip(left, tree["split_indices"])],
                      "value": [float(np.float32(c)) if l < 0 else before(c) for l, c in zip(left, conditions)],
                      "left": [max(l, 0) for l in left], "right": [max(r, 0) for r in right]})
    import xgboost
    data = lambda X: xgboost.DMatrix(X)
    own = (lambda X: booster.predict(data(X))) if last is None else (
        lambda X: booster.predict(data(X), iteration_range=(0, last + 1)))
    return {"link": links[objective], "base": float(np.float32(base)), "float_sums": True, "trees": trees}, own


def evaluate(model, X):
    """By the rules of docs/formats/model.md."""
    X = np.asarray(X, dtype=float)
    sums = np.full(len(X), model.get("base", 0.0))
    if "linear" in model:
        sums = sums + X @ np.array(model["linear"])
    if model.get("float_sums"):
        sums = sums.astype(np.float32)
    singles = X.astype(np.float32)
    for tree in model.get("trees", []):
        feature, value = np.array(tree["feature"]), np.array(tree["value"])
        at, left, right = np.zeros(len(X), dtype=int), np.array(tree["left"]), np.array(tree["right"])
        while (inner := feature[at] >= 0).any():
            goes_left = singles[np.arange(len(X)), np.maximum(feature[at], 0)].astype(float) <= value[at]
            at = np.where(inner, np.where(goes_left, left[at], right[at]), at)
        sums = sums + value[at].astype(sums.dtype)
    sums = sums.astype(float)
    if model["link"] == "logistic":
        return 1 / (1 + np.exp(np.clip(-sums, -700, 700)))
    return np.exp(sums) if model["link"] == "exp" else sums


def export(fitted, names, path, forecast=False, seed=1):
    library = type(fitted).__module__.split(".")[0]
    body, own = _xgboost(fitted) if library == "xgboost" else _sklearn(fitted)
    version = __import__(library).__version__
    model = {"format": "tributary-model-1", "source": f"{library} {version} {type(fitted).__name__}",
             "features": list(names), "output": "forecast" if forecast else "score", **body}
    scale = np.array([[10.0 ** (i % 7 - 3)] for i in range(2000)])
    X = np.random.default_rng(seed).normal(size=(2000, len(names))) * scale
    theirs, ours = np.asarray(own(X), dtype=float), evaluate(model, X)
    worst = float(np.max(np.abs(theirs - ours) / np.maximum(1, np.abs(theirs))))
    if not worst <= 1e-6:
        raise ValueError(f"the written model differs from the library's by {worst}: not written")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(model, file, separators=(",", ":"), allow_nan=False)
        file.write("\n")
    return worst


def export_onnx(model, names, path, forecast=False, output="", source="ONNX"):
    """model: the bytes of an ONNX file with one input of shape [1 or more, features] in single precision."""
    body = {"format": "tributary-model-1", "source": source, "features": list(names),
            "output": "forecast" if forecast else "score", "link": "identity",
            "onnx": base64.b64encode(model).decode()}
    if output:
        body["onnx_output"] = output
    with open(path, "w", encoding="utf-8") as file:
        json.dump(body, file, separators=(",", ":"))
        file.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a pickled fitted model (unpickle only what you trust), or an .onnx file")
    parser.add_argument("output")
    parser.add_argument("--features", required=True, help="names in the order of the columns, with commas")
    parser.add_argument("--forecast", action="store_true", help="it predicts the next reading, not a score")
    options = parser.parse_args()
    if options.model.endswith(".onnx"):
        with open(options.model, "rb") as file:
            export_onnx(file.read(), options.features.split(","), options.output, options.forecast)
        return print(f"{options.output}: for a gateway that is built with TRIBUTARY_ONNX")
    with open(options.model, "rb") as file:
        fitted = pickle.load(file)
    try:
        worst = export(fitted, options.features.split(","), options.output, options.forecast)
    except ValueError as problem:
        sys.exit(f"export_model.py: {problem}")
    print(f"{options.output}: at most {worst:.1e} from the library's own predictions")


if __name__ == "__main__":
    main()
