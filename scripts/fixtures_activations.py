"""Fixtures of operators that rearrange elements, are functions of them, or multiply activations; see make_fixtures.py."""

import numpy as np
from onnx import helper


def concat_conv(n):
    """Two branches side by side, read by one convolution."""
    x = n.input("x", 1, 2, 4, 4)
    n.node("Concat", [n.conv(x, "a", 2, 2, (1, 1)), x], "both", axis=1)
    n.conv("both", "y", 3, 4, (3, 3))
    n.output("y", 1, 3, 2, 2)


def slices(n):
    """Every other column, backwards, and the last row of each channel, joined again."""
    x = n.input("x", 1, 2, 3, 4)
    n.node("Slice", [x, n.ints("from", 3), n.ints("to", -9), n.ints("axes", 3), n.ints("steps", -2)], "columns")
    n.node("Slice", [x, n.ints("low", 2), n.ints("high", 3), n.ints("axis", 2)], "row")
    n.node("Flatten", ["columns"], "left", axis=1)
    n.node("Flatten", ["row"], "right", axis=1)
    n.node("Concat", ["left", "right"], "y", axis=1)
    n.output("y", 1, 20)


def split_shuffle(n):
    """Channels split, swapped and shuffled, between two convolutions."""
    x = n.conv(n.input("x", 1, 2, 3, 3), "conv", 4, 2, (1, 1))
    n.nodes.append(helper.make_node("Split", [x], ["a", "b"], name="split", axis=1))
    n.node("Concat", ["b", "a"], "swapped", axis=1)
    n.node("Reshape", ["swapped", n.ints("groups", 1, 2, 2, 3, 3)], "grouped")
    n.node("Transpose", ["grouped"], "turned", perm=[0, 2, 1, 3, 4])
    n.node("Reshape", ["turned", n.ints("flat", 1, 4, 3, 3)], "shuffled")
    n.conv("shuffled", "y", 2, 4, (3, 3))
    n.output("y", 1, 2, 1, 1)


def pads(n):
    """Padding by reflection, then by a constant."""
    x = n.input("x", 1, 1, 3, 3)
    n.node("Pad", [x, n.ints("around", 0, 0, 1, 1, 0, 0, 1, 1)], "reflected", mode="reflect")
    n.node("Pad", ["reflected", n.ints("left", 0, 0, 0, 1, 0, 0, 0, 0), n.const("half", np.float32(0.5))], "padded")
    n.conv("padded", "y", 2, 1, (3, 3))
    n.output("y", 1, 2, 3, 4)


def resize_nearest(n):
    """Twice as large, then space to depth."""
    x = n.conv(n.input("x", 1, 2, 2, 2), "conv", 2, 2, (1, 1))
    scales = n.const("scales", np.array([1, 1, 2, 2], np.float32))
    n.node("Resize", [x, "", scales], "large", mode="nearest")
    n.node("SpaceToDepth", ["large"], "y", blocksize=2)
    n.output("y", 1, 8, 2, 2)


def conv_transpose(n):
    x = n.input("x", 1, 2, 2, 3)
    n.node("ConvTranspose", [x, n.weight("w", 2, 3, 2, 2), n.bias("b", 3)], "y", strides=[2, 2])
    n.output("y", 1, 3, 4, 6)


def functions(n):
    """One function after another, and one of them again on other values."""
    x = n.conv(n.input("x", 1, 2, 2, 2), "conv", 2, 2, (1, 1))
    n.node("Sigmoid", [x], "a")
    n.node("Tanh", [n.conv("a", "inner", 2, 2, (1, 1))], "b")
    n.node("Exp", ["b"], "c")
    n.node("Sigmoid", [n.conv("c", "last", 2, 2, (1, 1))], "y")
    n.output("y", 1, 2, 2, 2)


def prelu(n):
    x = n.conv(n.input("x", 1, 2, 4, 4), "conv", 3, 2, (3, 3))
    slopes = n.const("slopes", np.array([0.25, -0.5, 1.5], np.float32).reshape(3, 1, 1))
    n.node("PRelu", [x, slopes], "activated")
    n.conv("activated", "y", 2, 3, (1, 1))
    n.output("y", 1, 2, 2, 2)


def gated(n):
    """A product of two branches, and of a channel's weight with its plane (squeeze and excitation)."""
    x = n.conv(n.input("x", 1, 2, 3, 3), "conv", 2, 2, (1, 1))
    n.node("Mul", [x, n.node("Sigmoid", [x], "gate")], "swish")
    n.node("GlobalAveragePool", ["swish"], "means")
    n.node("Sigmoid", [n.conv("means", "squeeze", 2, 2, (1, 1))], "weights")
    n.node("Mul", ["swish", "weights"], "y")
    n.output("y", 1, 2, 3, 3)


def softmax(n):
    n.node("Gemm", [n.input("x", 1, 4), n.weight("w", 5, 4), n.bias("b", 5)], "scores", transB=1)
    n.node("Softmax", ["scores"], "y", axis=-1)
    n.output("y", 1, 5)


def layer_norm(n):
    """Written out, as exporters do before opset 17."""
    x = n.input("x", 1, 3, 6)
    axes = {"axes": [-1], "keepdims": 1}
    centred = n.node("Sub", [x, n.node("ReduceMean", [x], "mean", **axes)], "centred")
    square = n.node("Pow", [centred, n.const("two", np.float32(2))], "square")
    variance = n.node("Add", [n.node("ReduceMean", [square], "var", **axes), n.const("eps", np.float32(1e-3))], "sum")
    normal = n.node("Div", [centred, n.node("Sqrt", [variance], "deviation")], "normal")
    scaled = n.node("Mul", [normal, n.const("gamma", n.rng.normal(1, 0.2, 6).astype(np.float32))], "scaled")
    n.node("Add", [scaled, n.bias("beta", 6)], "y")
    n.output("y", 1, 3, 6)


def attention(n):
    """One head of self-attention over three tokens."""
    x = n.input("x", 1, 3, 4)
    query, key, value = (n.node("MatMul", [x, n.weight(f"w{part}", 4, 4)], part) for part in "qkv")
    n.node("MatMul", [query, n.node("Transpose", [key], "turned", perm=[0, 2, 1])], "scores")
    n.node("Softmax", ["scores"], "shares", axis=-1)
    n.node("MatMul", ["shares", value], "y")
    n.output("y", 1, 3, 4)


def lstm(n):
    """Three steps, and the last hidden state."""
    x = n.input("x", 3, 1, 2)
    inputs = [x, n.weight("w", 1, 12, 2), n.weight("r", 1, 12, 3), n.bias("b", (1, 24))]
    n.nodes.append(helper.make_node("LSTM", inputs, ["", "hidden"], name="lstm", hidden_size=3))
    n.node("Reshape", ["hidden", n.ints("flat", 1, 3)], "y")
    n.output("y", 1, 3)


def reductions(n):
    """A mean over the channels, and a maximum over the last axis."""
    x = n.conv(n.input("x", 1, 2, 2, 3), "conv", 3, 2, (1, 1))
    n.node("ReduceMean", [x], "y", axes=[1], keepdims=0)
    n.node("ReduceMax", [x], "z", axes=[3], keepdims=0)
    n.output("y", 1, 2, 3)
    n.output("z", 1, 3, 2)


def inverse_functions(n):
    """Functions that undo others, each on what one convolution gives."""
    x = n.conv(n.input("x", 1, 2, 2, 2), "conv", 2, 2, (1, 1))
    n.node("Atan", [x], "a")
    n.node("Asinh", [n.conv("a", "inner", 2, 2, (1, 1))], "b")
    n.node("Cosh", [n.conv("b", "last", 2, 2, (1, 1))], "y")
    n.output("y", 1, 2, 2, 2)


def top_k(n):
    """The two greatest of five scores, and their places."""
    n.node("Gemm", [n.input("x", 1, 4), n.weight("w", 5, 4), n.bias("b", 5)], "scores", transB=1)
    n.nodes.append(helper.make_node("TopK", ["scores", n.ints("k", 2)], ["best", "at"], name="top", axis=-1))
    n.node("Cast", ["at"], "places", to=1)
    n.node("Concat", ["best", "places"], "y", axis=1)
    n.output("y", 1, 4)


def grid_sample(n):
    """An image turned by a constant grid."""
    n.opset = 16
    x = n.conv(n.input("x", 1, 1, 4, 4), "conv", 2, 1, (1, 1))
    turn = np.stack(np.meshgrid(np.linspace(-1, 1, 3), np.linspace(1, -1, 3), indexing="ij"), -1)
    grid = n.const("grid", turn[None].astype(np.float32) * np.float32(0.75))
    n.node("GridSample", [x, grid], "y", mode="bilinear", padding_mode="border", align_corners=1)
    n.output("y", 1, 2, 3, 3)


def trees(n):
    """Two trees over three features, of two targets."""
    x = n.input("x", 1, 3)
    n.node(
        "TreeEnsembleRegressor",
        [x],
        "y",
        domain="ai.onnx.ml",
        n_targets=2,
        base_values=[0.5, -0.25],
        nodes_treeids=[0] * 5 + [1] * 3,
        nodes_nodeids=[0, 1, 2, 3, 4, 0, 1, 2],
        nodes_featureids=[0, 2, 0, 0, 0, 1, 0, 0],
        nodes_modes=["BRANCH_LEQ", "BRANCH_LT", "LEAF", "LEAF", "LEAF", "BRANCH_GT", "LEAF", "LEAF"],
        nodes_values=[0.1, -0.3, 0, 0, 0, 0.25, 0, 0],
        nodes_truenodeids=[1, 3, 0, 0, 0, 1, 0, 0],
        nodes_falsenodeids=[2, 4, 0, 0, 0, 2, 0, 0],
        target_treeids=[0, 0, 0, 0, 1, 1],
        target_nodeids=[2, 3, 4, 4, 1, 2],
        target_ids=[0, 1, 0, 1, 0, 1],
        target_weights=[1.0, -0.5, 0.25, 2.0, -1.5, 0.75],
    )
    n.output("y", 1, 2)


ACTIVATIONS = (
    concat_conv, slices, split_shuffle, pads, resize_nearest, conv_transpose, functions, prelu, gated, softmax,
    layer_norm, attention, lstm, reductions, inverse_functions, top_k, grid_sample, trees,
)  # fmt: skip
