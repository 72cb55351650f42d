#!/usr/bin/env python3
"""Trains two small classifiers of sequences: a transformer and an LSTM, on the digits of scikit-learn, read row by row.

    .venv/bin/pip install -r scripts/requirements-train.txt
    .venv/bin/python scripts/train_sequences.py transformer OUTPUT_FOLDER
    .venv/bin/python scripts/train_sequences.py lstm OUTPUT_FOLDER

A picture of 8 x 8 pixels in [0, 1] is a sequence of 8 rows. The transformer has two blocks of 32 features and 4 heads, normalised before
attention and before the two dense layers (GELU), and averages over the rows; the LSTM has 32 units, and its last state is classified. Both
end in 10 logits. Written are model.onnx, calibration.json (64 samples of the training set), input.json, and test.npy with labels.json (the
whole test set, for `chainfer evaluate`). The accuracy by onnxruntime is printed.
"""

import argparse
import json
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import optax
from onnx import TensorProto, helper, numpy_helper
from train_digits import load_digits

SEED = 11
ROWS, PIXELS, CLASSES = 8, 8, 10
FEATURES, HEADS, BLOCKS = 32, 4, 2
UNITS = 32
EPOCHS, BATCH, RATE = 80, 64, 3e-3
CALIBRATION_SAMPLES = 64
EPSILON = 1e-5


def dense(rng, name, inputs, outputs):
    weight = rng.normal(0, inputs**-0.5, (inputs, outputs)).astype(np.float32)
    return {f"{name}.weight": weight, f"{name}.bias": np.zeros(outputs, np.float32)}


def apply_dense(p, name, x):
    return x @ p[f"{name}.weight"] + p[f"{name}.bias"]


class Exporter:
    """An ONNX graph under construction."""

    def __init__(self, parameters):
        self.parameters, self.nodes, self.constants = parameters, [], []

    def constant(self, name, value):
        if all(c.name != name for c in self.constants):
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def parameter(self, name):
        return self.constant(name, self.parameters[name])

    def ints(self, *values):
        return self.constant("ints_" + "_".join(str(v).replace("-", "m") for v in values), np.array(values, np.int64))

    def node(self, op, inputs, output, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def dense(self, name, x):
        product = self.node("MatMul", [x, self.parameter(f"{name}.weight")], f"{name}.product")
        return self.node("Add", [product, self.parameter(f"{name}.bias")], name)

    def model(self, name, shape):
        inputs = [helper.make_tensor_value_info("rows", TensorProto.FLOAT, shape)]
        outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, CLASSES])]
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], producer_name="train_sequences")
        model.ir_version = 9
        onnx.checker.check_model(model, full_check=True)
        return model


class Transformer:
    shape = [1, ROWS, PIXELS]

    def parameters(self, rng):
        p = dense(rng, "embed", PIXELS, FEATURES)
        p["position"] = rng.normal(0, 0.3, (ROWS, FEATURES)).astype(np.float32)
        for block in range(BLOCKS):
            for part in ("query", "key", "value", "mix"):
                p |= dense(rng, f"{block}.{part}", FEATURES, FEATURES)
            p |= dense(rng, f"{block}.wide", FEATURES, 2 * FEATURES) | dense(rng, f"{block}.narrow", 2 * FEATURES, FEATURES)
            for norm in ("before_attention", "before_dense"):
                p[f"{block}.{norm}.scale"] = np.ones(FEATURES, np.float32)
                p[f"{block}.{norm}.shift"] = np.zeros(FEATURES, np.float32)
        return p | dense(rng, "logits", FEATURES, CLASSES)

    def forward(self, p, x):
        def norm(name, x):
            centred = x - x.mean(-1, keepdims=True)
            scaled = centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
            return scaled * p[f"{name}.scale"] + p[f"{name}.shift"]

        def heads(x):
            return x.reshape(x.shape[0], ROWS, HEADS, -1).transpose(0, 2, 1, 3)

        x = apply_dense(p, "embed", x) + p["position"]
        for block in range(BLOCKS):
            y = norm(f"{block}.before_attention", x)
            query, key, value = (heads(apply_dense(p, f"{block}.{part}", y)) for part in ("query", "key", "value"))
            scores = jax.nn.softmax(query @ key.transpose(0, 1, 3, 2) * (FEATURES // HEADS) ** -0.5)
            y = (scores @ value).transpose(0, 2, 1, 3).reshape(x.shape)
            x = x + apply_dense(p, f"{block}.mix", y)
            y = jax.nn.gelu(apply_dense(p, f"{block}.wide", norm(f"{block}.before_dense", x)), approximate=False)
            x = x + apply_dense(p, f"{block}.narrow", y)
        return apply_dense(p, "logits", x.mean(1))

    def export(self, p):
        e = Exporter(p)

        def norm(name, x):
            parts = [x, e.parameter(f"{name}.scale"), e.parameter(f"{name}.shift")]
            return e.node("LayerNormalization", parts, f"{name}.norm", axis=-1, epsilon=EPSILON)

        def heads(x, order):
            split = e.node("Reshape", [x, e.ints(1, ROWS, HEADS, FEATURES // HEADS)], f"{x}.split")
            return e.node("Transpose", [split], f"{x}.heads", perm=order)

        x = e.node("Add", [e.dense("embed", "rows"), e.parameter("position")], "embedded")
        scale = e.constant("scale", np.float32((FEATURES // HEADS) ** -0.5))
        for b in range(BLOCKS):
            y = norm(f"{b}.before_attention", x)
            query = heads(e.dense(f"{b}.query", y), [0, 2, 1, 3])
            key = heads(e.dense(f"{b}.key", y), [0, 2, 3, 1])
            value = heads(e.dense(f"{b}.value", y), [0, 2, 1, 3])
            scores = e.node("Mul", [e.node("MatMul", [query, key], f"{b}.products"), scale], f"{b}.scores")
            mixed = e.node("MatMul", [e.node("Softmax", [scores], f"{b}.softmax", axis=-1), value], f"{b}.mixed")
            turned = e.node("Transpose", [mixed], f"{b}.turned", perm=[0, 2, 1, 3])
            joined = e.node("Reshape", [turned, e.ints(1, ROWS, FEATURES)], f"{b}.joined")
            x = e.node("Add", [x, e.dense(f"{b}.mix", joined)], f"{b}.attended")
            y = e.node("Gelu", [e.dense(f"{b}.wide", norm(f"{b}.before_dense", x))], f"{b}.gelu")
            x = e.node("Add", [x, e.dense(f"{b}.narrow", y)], f"{b}.block")
        e.dense("logits", e.node("ReduceMean", [x, e.ints(1)], "mean", keepdims=0))
        return e.model("transformer", self.shape)


class Lstm:
    shape = [ROWS, 1, PIXELS]
    gates = ("input", "output", "forget", "cell")  # in the order of ONNX

    def parameters(self, rng):
        p = {}
        for gate in self.gates:
            p |= dense(rng, f"{gate}.x", PIXELS, UNITS) | dense(rng, f"{gate}.h", UNITS, UNITS)
        return p | dense(rng, "logits", UNITS, CLASSES)

    def forward(self, p, x):
        hidden = cell = jnp.zeros((x.shape[0], UNITS))
        for row in range(ROWS):
            gate = {g: apply_dense(p, f"{g}.x", x[:, row]) + apply_dense(p, f"{g}.h", hidden) for g in self.gates}
            i, o, f = (jax.nn.sigmoid(gate[g]) for g in ("input", "output", "forget"))
            cell = f * cell + i * jnp.tanh(gate["cell"])
            hidden = o * jnp.tanh(cell)
        return apply_dense(p, "logits", hidden)

    def export(self, p):
        e = Exporter(p)

        def stacked(side, kind):
            return np.concatenate([p[f"{g}.{side}.{kind}"].T for g in self.gates], 0)[None]

        weights = [e.constant(f"weights.{side}", stacked(side, "weight")) for side in ("x", "h")]
        bias = e.constant("bias", np.concatenate([stacked(side, "bias") for side in ("x", "h")], 1))
        e.nodes.append(helper.make_node("LSTM", ["rows", *weights, bias], ["", "last"], name="lstm", hidden_size=UNITS))
        e.dense("logits", e.node("Squeeze", ["last", e.ints(0)], "state"))
        return e.model("lstm", self.shape)


def train(network, images, labels):
    rng = np.random.default_rng(SEED)
    parameters = network.parameters(rng)
    steps = EPOCHS * (len(images) // BATCH)
    optimiser = optax.adamw(optax.cosine_onecycle_schedule(steps, RATE), weight_decay=1e-3)
    state = optimiser.init(parameters)

    @jax.jit
    def step(parameters, state, x, y):
        def loss_of(p):
            return optax.softmax_cross_entropy_with_integer_labels(network.forward(p, x), y).mean()

        loss, gradients = jax.value_and_grad(loss_of)(parameters)
        updates, state = optimiser.update(gradients, state, parameters)
        return optax.apply_updates(parameters, updates), state, loss

    for epoch in range(EPOCHS):
        order = rng.permutation(len(images))
        for at in range(0, len(images) - BATCH + 1, BATCH):
            picked = order[at : at + BATCH]
            parameters, state, loss = step(parameters, state, images[picked], labels[picked])
        if (epoch + 1) % 20 == 0:
            print(f"epoch {epoch + 1}/{EPOCHS}  loss {float(loss):.4f}", flush=True)
    return {name: np.asarray(value) for name, value in parameters.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=("transformer", "lstm"))
    parser.add_argument("output", type=pathlib.Path)
    arguments = parser.parse_args()
    network = {"transformer": Transformer, "lstm": Lstm}[arguments.network]()

    train_x, test_x, train_y, test_y = load_digits()
    train_x, test_x = (x.reshape(-1, ROWS, PIXELS) for x in (train_x, test_x))
    parameters = train(network, train_x, train_y)
    model = network.export(parameters)
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / "model.onnx"
    onnx.save(model, path)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    shaped = [x.reshape(network.shape) for x in test_x]
    logits = np.concatenate([session.run(None, {"rows": x})[0] for x in shaped])
    trained = np.asarray(network.forward(parameters, test_x))
    print(f"largest difference between what was trained and the file: {np.abs(logits - trained).max():.2e}")
    correct = int((logits.argmax(1) == test_y).sum())
    print(f"test accuracy: {100 * correct / len(test_y):.2f} % ({correct} of {len(test_y)})")

    def write(name, value):
        (arguments.output / name).write_text(json.dumps(value) + "\n")

    def flat(x):
        return [[float(v) for v in np.ravel(x)]]

    picked = np.random.default_rng(SEED).choice(len(train_x), CALIBRATION_SAMPLES, replace=False)
    write("calibration.json", {"samples": [{"input_data": flat(x)} for x in train_x[picked]]})
    write("input.json", {"input_data": flat(test_x[0])})
    write("labels.json", [int(y) for y in test_y])
    np.save(arguments.output / "test.npy", np.stack(shaped))
    return 0


if __name__ == "__main__":
    sys.exit(main())
