#!/usr/bin/env python3
"""Trains a classifier of a table with its scaler inside, on a data set that scikit-learn ships, and exports it as skl2onnx does.

    .venv/bin/pip install -r scripts/requirements-train.txt
    .venv/bin/python scripts/train_tabular.py FOLDER               # a perceptron
    .venv/bin/python scripts/train_tabular.py FOLDER --kind forest # trees
    chainfer compile FOLDER/model.onnx --calibration FOLDER/calibration.json -o bundle
    chainfer evaluate bundle --inputs FOLDER/test.json --labels FOLDER/labels.json --model FOLDER/model.onnx

The features are 30 measurements of cells, in units of their own: from 0.001 to 4,000. The model has its StandardScaler inside, so that its
input is the table as it is. Nothing that this script writes is committed.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

SEED = 7
TEST_SHARE = 0.2
CALIBRATION_SAMPLES = 128
REQUIRED_ACCURACY = 0.93
OPSETS = {"": 17, "ai.onnx.ml": 3}


def classifiers():
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier

    return {
        "perceptron": MLPClassifier(hidden_layer_sizes=(32, 16), max_iter=400, random_state=SEED),
        "logistic": LogisticRegression(max_iter=1000),
        "forest": RandomForestClassifier(20, max_depth=5, random_state=SEED),
        "boosting": GradientBoostingClassifier(n_estimators=20, max_depth=3, random_state=SEED),
    }


def table():
    """Train and test rows and their labels; the split is stratified and fixed."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    data = load_breast_cancer()
    rows = data.data.astype(np.float32)
    return train_test_split(rows, data.target, test_size=TEST_SHARE, stratify=data.target, random_state=SEED)


def samples(rows):
    return {"samples": [{"input_data": [[float(v) for v in row]]} for row in rows]}


def write_json(path, value):
    path.write_text(json.dumps(value) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument("--kind", choices=("perceptron", "logistic", "forest", "boosting"), default="perceptron")
    args = parser.parse_args()

    import onnxruntime
    from skl2onnx import to_onnx
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train_x, test_x, train_y, test_y = table()
    model = make_pipeline(StandardScaler(), classifiers()[args.kind]).fit(train_x, train_y)
    args.folder.mkdir(parents=True, exist_ok=True)
    path = args.folder / "model.onnx"
    path.write_bytes(to_onnx(model, train_x[:1], target_opset=OPSETS).SerializeToString())

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    labels = session.run(None, {session.get_inputs()[0].name: test_x})[0]
    accuracy = float((labels == test_y).mean())
    picked = np.random.default_rng(SEED).choice(len(train_x), CALIBRATION_SAMPLES, replace=False)
    write_json(args.folder / "calibration.json", samples(train_x[picked]))
    write_json(args.folder / "test.json", samples(test_x))
    write_json(args.folder / "labels.json", [int(label) for label in test_y])
    write_json(args.folder / "input.json", {"input_data": [[float(v) for v in test_x[0]]]})
    print(f"{args.kind}: test accuracy {100 * accuracy:.2f} % of {len(test_y)} rows; wrote {args.folder}")
    return 0 if accuracy >= REQUIRED_ACCURACY else 1


if __name__ == "__main__":
    sys.exit(main())
