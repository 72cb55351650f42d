#!/usr/bin/env python3
"""Trains the demo model: a small residual CNN on the digits data set that scikit-learn ships.

    python3 -m venv .venv && .venv/bin/pip install -r scripts/requirements-train.txt
    .venv/bin/python scripts/train_digits.py            # train, export, evaluate
    .venv/bin/python scripts/train_digits.py --check    # evaluate the committed ONNX file only

Input is [1, 1, 8, 8] with pixels in [0, 1] (pixel / 16), output is 10 logits. The network is sized for proving, whose
cost follows the number of activations: the residual branch runs on 4x4 maps, so that a tensor that crosses a chunk
edge, and must be hashed in the circuit, is at most 256 values.

    conv1 3x3  1 -> 8   512 activations   batch norm, relu
    pool1 2x2           128
    conv2 3x3  8 -> 16  256               batch norm, clip to [0, 6]
    conv3 3x3 16 -> 8   128               batch norm, add pool1, relu
    fc       128 -> 10   10
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

SEED = 7
TEST_SHARE = 0.2
REQUIRED_ACCURACY = 0.97
CALIBRATION_SAMPLES = 64
EPOCHS = 60
BATCH = 64
PEAK_RATE = 4e-3
WEIGHT_DECAY = 2e-3
BN_EPSILON = 1e-5
BN_MOMENTUM = 0.9
CLIP_MAX = 6.0

MODELS = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "models"
ONNX_PATH = MODELS / "digits.onnx"
INPUT_PATH = MODELS / "digits_input.json"
CALIBRATION_PATH = MODELS / "digits_calibration.json"
EXPECTED_PATH = MODELS / "digits_expected.json"

# name, input channels, output channels
CONVS = (("conv1", 1, 8), ("conv2", 8, 16), ("conv3", 16, 8))
FLAT = 8 * 4 * 4


def load_digits():
    """Train and test images [n, 1, 8, 8] in [0, 1] and their labels; the split is stratified and fixed."""
    from sklearn.datasets import load_digits as sklearn_digits
    from sklearn.model_selection import train_test_split

    data = sklearn_digits()
    images = (data.images / 16.0).astype(np.float32)[:, None, :, :]
    return train_test_split(images, data.target, test_size=TEST_SHARE, stratify=data.target, random_state=SEED)


# --- network -------------------------------------------------------------------------------------------------------


def initial_parameters(rng):
    """Trainable parameters and batch-norm running statistics, each a dict of arrays."""
    params, stats = {}, {}
    for name, fan_in, fan_out in CONVS:
        std = np.sqrt(2.0 / (fan_in * 9))
        params[f"{name}.weight"] = rng.normal(0, std, (fan_out, fan_in, 3, 3)).astype(np.float32)
        params[f"{name}.gamma"] = np.ones(fan_out, np.float32)
        params[f"{name}.beta"] = np.zeros(fan_out, np.float32)
        stats[f"{name}.mean"] = np.zeros(fan_out, np.float32)
        stats[f"{name}.var"] = np.ones(fan_out, np.float32)
    params["fc.weight"] = rng.normal(0, np.sqrt(1.0 / FLAT), (10, FLAT)).astype(np.float32)
    params["fc.bias"] = np.zeros(10, np.float32)
    return params, stats


def forward(params, stats, x, training):
    """Logits and the updated running statistics."""
    import jax
    import jax.numpy as jnp

    updated = dict(stats)

    def conv_bn(name, x):
        y = jax.lax.conv_general_dilated(
            x, params[f"{name}.weight"], (1, 1), "SAME", dimension_numbers=("NCHW", "OIHW", "NCHW")
        )
        if training:
            mean, var = y.mean((0, 2, 3)), y.var((0, 2, 3))
            for key, value in ((f"{name}.mean", mean), (f"{name}.var", var)):
                updated[key] = BN_MOMENTUM * stats[key] + (1 - BN_MOMENTUM) * value
        else:
            mean, var = stats[f"{name}.mean"], stats[f"{name}.var"]
        scale = params[f"{name}.gamma"] / jnp.sqrt(var + BN_EPSILON)
        return (y - mean[:, None, None]) * scale[:, None, None] + params[f"{name}.beta"][:, None, None]

    x = jax.nn.relu(conv_bn("conv1", x))
    skip = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    x = jnp.clip(conv_bn("conv2", skip), 0.0, CLIP_MAX)
    x = jax.nn.relu(conv_bn("conv3", x) + skip)
    return x.reshape(x.shape[0], FLAT) @ params["fc.weight"].T + params["fc.bias"], updated


def shifted(images, rng):
    """Each image moved by at most one pixel in each direction: the only augmentation."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = np.empty_like(images)
    for i, (dy, dx) in enumerate(rng.integers(0, 3, (len(images), 2))):
        out[i] = padded[i, :, dy : dy + 8, dx : dx + 8]
    return out


def train(images, labels):
    """Adam with decoupled weight decay and a one-cycle cosine rate; returns numpy parameters and statistics."""
    import jax
    import jax.numpy as jnp

    rng = np.random.default_rng(SEED)
    params, stats = initial_parameters(rng)
    first = {k: np.zeros_like(v) for k, v in params.items()}
    second = {k: np.zeros_like(v) for k, v in params.items()}

    def loss_of(params, stats, x, y):
        logits, stats = forward(params, stats, x, training=True)
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean(), stats

    @jax.jit
    def step(params, stats, first, second, count, rate, x, y):
        (loss, stats), grads = jax.value_and_grad(loss_of, has_aux=True)(params, stats, x, y)
        first = {k: 0.9 * first[k] + 0.1 * g for k, g in grads.items()}
        second = {k: 0.999 * second[k] + 0.001 * g * g for k, g in grads.items()}
        bias1, bias2 = 1 - 0.9**count, 1 - 0.999**count
        moved = {}
        for key, value in params.items():
            decay = WEIGHT_DECAY if key.endswith(".weight") else 0.0
            update = (first[key] / bias1) / (jnp.sqrt(second[key] / bias2) + 1e-8)
            moved[key] = value - rate * (update + decay * value)
        return moved, stats, first, second, loss

    batches = len(images) // BATCH
    for epoch in range(EPOCHS):
        order = rng.permutation(len(images))
        total = 0.0
        for b in range(batches):
            picked = order[b * BATCH : (b + 1) * BATCH]
            count = epoch * batches + b + 1
            progress = count / (EPOCHS * batches)
            rate = PEAK_RATE * min(1.0, progress * 10) * 0.5 * (1 + np.cos(np.pi * progress))
            x = shifted(images[picked], rng)
            params, stats, first, second, loss = step(params, stats, first, second, count, rate, x, labels[picked])
            total += float(loss)
        if (epoch + 1) % 10 == 0:
            print(f"epoch {epoch + 1:3d}/{EPOCHS}  loss {total / batches:.4f}", flush=True)
    return {k: np.asarray(v) for k, v in params.items()}, {k: np.asarray(v) for k, v in stats.items()}


# --- export and evaluation -----------------------------------------------------------------------------------------


def export(params, stats, path):
    """Writes the graph by hand, unfused, so that the file shows every operator that the compiler must fold."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def conv_bn(name, x):
        weight = constant(f"{name}.weight", params[f"{name}.weight"])
        y = node("Conv", [x, weight], name, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1])
        norm = [
            constant(f"{name}.{k}", source[f"{name}.{k}"])
            for k, source in (("gamma", params), ("beta", params), ("mean", stats), ("var", stats))
        ]
        return node("BatchNormalization", [y, *norm], f"{name}_bn", epsilon=BN_EPSILON)

    x = node("Relu", [conv_bn("conv1", "image")], "conv1_relu")
    skip = node("MaxPool", [x], "pool1", kernel_shape=[2, 2], strides=[2, 2])
    low, high = constant("clip.min", np.float32(0)), constant("clip.max", np.float32(CLIP_MAX))
    x = node("Clip", [conv_bn("conv2", skip), low, high], "conv2_clip")
    x = node("Add", [conv_bn("conv3", x), skip], "residual")
    x = node("Flatten", [node("Relu", [x], "residual_relu")], "flat", axis=1)
    weight, bias = constant("fc.weight", params["fc.weight"]), constant("fc.bias", params["fc.bias"])
    node("Gemm", [x, weight, bias], "logits", transB=1)

    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 8, 8])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 10])
    graph = helper.make_graph(nodes, "digits", [image], [logits], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="train_digits")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def infer(path, images):
    """Logits [n, 10] by onnxruntime, one image a call as the batch is static."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"image": image[None]})[0] for image in images])


def flat(values):
    """A plain list of floats; pixels are multiples of 1/16, so they print short and exact."""
    return [float(v) for v in np.asarray(values).ravel()]


def write_json(path, value):
    path.write_text(json.dumps(value) + "\n")


def evaluate(path, images, labels):
    """Prints the accuracy of the ONNX file and whether it is enough; returns the logits, the accuracy, the verdict."""
    logits = infer(path, images)
    correct = int((logits.argmax(1) == labels).sum())
    accuracy = correct / len(labels)
    enough = accuracy >= REQUIRED_ACCURACY
    print(
        f"test accuracy: {100 * accuracy:.2f} % ({correct} of {len(labels)}), at least {100 * REQUIRED_ACCURACY:.0f} % asked for"
    )
    return logits, accuracy, enough


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only evaluate the committed ONNX file")
    check = parser.parse_args().check

    train_x, test_x, train_y, test_y = load_digits()
    if check:
        return 0 if evaluate(ONNX_PATH, test_x, test_y)[2] else 1

    print(f"{len(train_x)} training and {len(test_x)} test images, seed {SEED}")
    params, stats = train(train_x, train_y)
    MODELS.mkdir(parents=True, exist_ok=True)
    export(params, stats, ONNX_PATH)
    logits, accuracy, enough = evaluate(ONNX_PATH, test_x, test_y)

    shown = int(np.flatnonzero(logits.argmax(1) == test_y)[0])
    picked = np.random.default_rng(SEED).choice(len(train_x), CALIBRATION_SAMPLES, replace=False)
    write_json(INPUT_PATH, {"input_data": [flat(test_x[shown])]})
    write_json(CALIBRATION_PATH, {"samples": [{"input_data": [flat(x)]} for x in train_x[picked]]})
    write_json(
        EXPECTED_PATH,
        {
            "label": int(test_y[shown]),
            "logits": [round(v, 6) for v in flat(logits[shown])],
            "test_accuracy": round(accuracy, 6),
            "test_samples": len(test_y),
        },
    )
    print(f"wrote {ONNX_PATH.name} ({ONNX_PATH.stat().st_size} bytes) and its JSON files to {MODELS}")
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
