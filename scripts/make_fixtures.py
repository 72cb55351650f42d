#!/usr/bin/env python3
"""Writes the tiny ONNX models of tests/fixtures/models/, one an operator variation, with expected float outputs.

    .venv/bin/pip install -r scripts/requirements-train.txt
    .venv/bin/python scripts/make_fixtures.py           # rewrite every file
    .venv/bin/python scripts/make_fixtures.py --check   # fail where a committed file differs

`ops/NAME.onnx` comes with `ops/NAME.json`:
    input_data   one flat list an input, so that the file is an input file of `chainfer run` and `chainfer prove`
    expected     one flat list an output, as onnxruntime computes it
    samples      that input and 7 more of its distribution, so that the file is a calibration file of `chainfer compile`
`unsupported/NAME.onnx` comes with the same input and, as `operator` and `node`, what the refusal must name.

Values are seeded by the model's name, so that adding a model changes no other file.
"""

import argparse
import json
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from fixtures_activations import ACTIVATIONS
from onnx import TensorProto, helper, numpy_helper

FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "models"
OPSET = 13
IR_VERSION = 8
LEARNING = "ai.onnx.ml"
SAMPLES = 8


class Net:
    """A graph under construction. Constants are initialisers; node names are their output names."""

    def __init__(self, name):
        self.name = name
        self.rng = np.random.default_rng(zlib.crc32(name.encode()))
        self.nodes, self.constants, self.inputs, self.outputs = [], [], [], []
        self.sparse = []
        self.opset, self.element_type = OPSET, TensorProto.FLOAT
        self.twin = None  # the same network in a form that onnxruntime has

    def input(self, name, *shape):
        self.inputs.append((name, shape))
        return name

    def output(self, name, *shape):
        self.outputs.append((name, shape))

    def const(self, name, value):
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weight(self, name, *shape):
        """Normal, scaled by the fan-in, so that activations stay near 1."""
        fan_in = max(1, int(np.prod(shape[1:])))
        return self.const(name, self.rng.normal(0, fan_in**-0.5, shape).astype(np.float32))

    def bias(self, name, count):
        return self.const(name, self.rng.normal(0, 0.2, count).astype(np.float32))

    def ints(self, name, *values):
        return self.const(name, np.array(values, np.int64))

    def node(self, op, inputs, output, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def conv(self, x, name, out_channels, in_channels, kernel, **attributes):
        """A convolution with bias; `in_channels` is a group's."""
        weight = self.weight(f"{name}.weight", out_channels, in_channels, *kernel)
        return self.node(
            "Conv", [x, weight, self.bias(f"{name}.bias", out_channels)], name, kernel_shape=list(kernel), **attributes
        )

    def model(self):
        def info(values):
            return [helper.make_tensor_value_info(n, self.element_type, list(s)) for n, s in values]

        graph = helper.make_graph(
            self.nodes, self.name, info(self.inputs), info(self.outputs), self.constants, sparse_initializer=self.sparse
        )
        opsets = [helper.make_opsetid("", self.opset)]
        if any(node.domain == LEARNING for node in self.nodes):
            opsets.append(helper.make_opsetid(LEARNING, 1))
        model = helper.make_model(graph, opset_imports=opsets, producer_name="make_fixtures")
        model.ir_version = IR_VERSION
        # Its shape inference does not know sparse constants.
        onnx.checker.check_model(model, full_check=not self.sparse)
        return model

    def sample(self):
        """One random input set in [-1, 1], rounded so that the JSON text is short and exact in f32."""
        return [np.round(self.rng.uniform(-1, 1, s) * 64).astype(np.float32) / 64 for _, s in self.inputs]


# --- supported -----------------------------------------------------------------------------------------------------


def conv_valid(n):
    n.conv(n.input("x", 1, 2, 5, 5), "y", 3, 2, (3, 3))
    n.output("y", 1, 3, 3, 3)


def conv_pad(n):
    n.conv(n.input("x", 1, 2, 4, 4), "y", 3, 2, (3, 3), pads=[1, 1, 1, 1])
    n.output("y", 1, 3, 4, 4)


def conv_asymmetric_pad(n):
    n.conv(n.input("x", 1, 1, 4, 5), "y", 2, 1, (2, 3), pads=[0, 1, 1, 2])
    n.output("y", 1, 2, 4, 6)


def conv_stride2(n):
    n.conv(n.input("x", 1, 2, 6, 6), "y", 3, 2, (3, 3), pads=[1, 1, 1, 1], strides=[2, 2])
    n.output("y", 1, 3, 3, 3)


def conv_stride_uneven(n):
    """Stride 2 by 1, and a last input row that no window reads."""
    n.conv(n.input("x", 1, 1, 6, 4), "y", 2, 1, (3, 2), strides=[2, 1])
    n.output("y", 1, 2, 2, 3)


def conv_pointwise(n):
    n.conv(n.input("x", 1, 4, 3, 3), "y", 3, 4, (1, 1))
    n.output("y", 1, 3, 3, 3)


def conv_groups(n):
    n.conv(n.input("x", 1, 4, 4, 4), "y", 4, 2, (3, 3), pads=[1, 1, 1, 1], group=2)
    n.output("y", 1, 4, 4, 4)


def conv_depthwise(n):
    n.conv(n.input("x", 1, 3, 5, 5), "y", 3, 1, (3, 3), pads=[1, 1, 1, 1], group=3)
    n.output("y", 1, 3, 5, 5)


def conv_depthwise_multiplier(n):
    """Two output channels an input channel, stride 2."""
    n.conv(n.input("x", 1, 2, 5, 5), "y", 4, 1, (3, 3), strides=[2, 2], group=2)
    n.output("y", 1, 4, 2, 2)


def conv_batchnorm_relu(n):
    y = n.conv(n.input("x", 1, 2, 4, 4), "conv", 3, 2, (3, 3), pads=[1, 1, 1, 1])
    n.node("Relu", [batchnorm_of(n, y, 3)], "y")
    n.output("y", 1, 3, 4, 4)


def batchnorm(n):
    """With no convolution before it to fold into."""
    n.node("Relu", [batchnorm_of(n, n.input("x", 1, 3, 4, 4), 3)], "y")
    n.output("y", 1, 3, 4, 4)


def batchnorm_of(n, x, channels):
    scale = n.const("bn.scale", n.rng.uniform(0.5, 1.5, channels).astype(np.float32))
    shift, mean = n.bias("bn.shift", channels), n.bias("bn.mean", channels)
    var = n.const("bn.var", n.rng.uniform(0.3, 2.0, channels).astype(np.float32))
    return n.node("BatchNormalization", [x, scale, shift, mean, var], "bn", epsilon=1e-5)


def avgpool(n):
    n.node("AveragePool", [n.input("x", 1, 2, 6, 6)], "y", kernel_shape=[2, 2], strides=[2, 2])
    n.output("y", 1, 2, 3, 3)


def avgpool_overlap(n):
    n.node("AveragePool", [n.input("x", 1, 2, 5, 5)], "y", kernel_shape=[3, 3], strides=[1, 1])
    n.output("y", 1, 2, 3, 3)


def global_avgpool(n):
    x = n.node("GlobalAveragePool", [n.input("x", 1, 4, 4, 4)], "pooled")
    n.node("Flatten", [x], "y", axis=1)
    n.output("y", 1, 4)


def global_maxpool(n):
    """Planes of 3 x 5, which no window of four values divides; then a maximum with its axes as attribute."""
    x = n.node("Relu", [n.conv(n.input("x", 1, 2, 3, 5), "conv", 3, 2, (1, 1))], "relu")
    n.node("Flatten", [n.node("GlobalMaxPool", [x], "pooled")], "y", axis=1)
    n.node("ReduceMax", [x], "z", axes=[2, 3], keepdims=0)
    n.output("y", 1, 3)
    n.output("z", 1, 3)


def reduce_sum(n):
    n.node("ReduceSum", [n.input("x", 1, 3, 4, 4), n.ints("axes", 2, 3)], "y", keepdims=0)
    n.output("y", 1, 3)


def sums(n):
    """Sums and a mean of several tensors and a constant, and a change of sign."""
    a, b = n.input("a", 1, 2, 3, 3), n.input("b", 1, 2, 3, 3)
    minus = n.node("Neg", [a], "minus")
    total = n.node("Sum", [minus, b, n.bias("offset", (1, 2, 1, 1))], "total")
    n.node("Mean", [total, a, b], "y")
    n.output("y", 1, 2, 3, 3)


def maxpool2(n):
    n.node("MaxPool", [n.input("x", 1, 2, 4, 4)], "y", kernel_shape=[2, 2], strides=[2, 2])
    n.output("y", 1, 2, 2, 2)


def maxpool3_pad1(n):
    """Lowered by a constant so that some windows are all negative: padding must not win."""
    x = n.node("Add", [n.input("x", 1, 2, 5, 5), n.const("offset", np.float32(-0.75))], "lowered")
    n.node("MaxPool", [x], "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    n.output("y", 1, 2, 3, 3)


def conv_relu_maxpool(n):
    y = n.node("Relu", [n.conv(n.input("x", 1, 1, 6, 6), "conv", 3, 1, (3, 3), pads=[1, 1, 1, 1])], "relu")
    n.node("MaxPool", [y], "y", kernel_shape=[2, 2], strides=[2, 2])
    n.output("y", 1, 3, 3, 3)


def relu(n):
    n.node("Relu", [n.input("x", 1, 2, 4, 4)], "y")
    n.output("y", 1, 2, 4, 4)


def clip_relu6(n):
    """Scaled by 12 so that both bounds are reached."""
    y = n.node("Mul", [n.input("x", 1, 2, 4, 4), n.const("factor", np.float32(12))], "scaled")
    n.node("Clip", [y, n.const("low", np.float32(0)), n.const("high", np.float32(6))], "y")
    n.output("y", 1, 2, 4, 4)


def clip_symmetric(n):
    n.node("Clip", [n.input("x", 1, 2, 4, 4), n.const("low", np.float32(-0.5)), n.const("high", np.float32(0.5))], "y")
    n.output("y", 1, 2, 4, 4)


def add_constant(n):
    n.node("Add", [n.input("x", 1, 3, 4, 4), n.bias("offset", (1, 3, 1, 1))], "y")
    n.output("y", 1, 3, 4, 4)


def add_two_inputs(n):
    n.node("Add", [n.input("a", 1, 2, 3, 3), n.input("b", 1, 2, 3, 3)], "y")
    n.output("y", 1, 2, 3, 3)


def mul_constant(n):
    """One factor a channel, negative ones included."""
    n.node(
        "Mul",
        [n.input("x", 1, 3, 4, 4), n.const("factor", np.array([0.5, -1.5, 2], np.float32).reshape(1, 3, 1, 1))],
        "y",
    )
    n.output("y", 1, 3, 4, 4)


def residual_add(n):
    x = n.node("Relu", [n.conv(n.input("x", 1, 1, 4, 4), "stem", 3, 1, (3, 3), pads=[1, 1, 1, 1])], "stem_relu")
    y = n.conv(x, "branch", 3, 3, (3, 3), pads=[1, 1, 1, 1])
    n.node("Relu", [n.node("Add", [y, x], "sum")], "y")
    n.output("y", 1, 3, 4, 4)


def residual_deep(n):
    """A skip that spans two layers, and is itself read twice more: it crosses every cut of a split in 3 or more."""
    x = n.node("Relu", [n.conv(n.input("x", 1, 1, 4, 4), "stem", 2, 1, (3, 3), pads=[1, 1, 1, 1])], "stem_relu")
    y = n.node("Relu", [n.conv(x, "first", 3, 2, (3, 3), pads=[1, 1, 1, 1])], "first_relu")
    y = n.conv(y, "second", 2, 3, (3, 3), pads=[1, 1, 1, 1])
    y = n.node("Relu", [n.node("Add", [x, y], "sum1")], "sum1_relu")
    n.node("Add", [n.conv(y, "third", 2, 2, (1, 1)), x], "y")
    n.output("y", 1, 2, 4, 4)


def flatten_residual(n):
    """A skip around a dense layer, of an input that stands in channels, rows and columns."""
    x = n.node("Flatten", [n.input("x", 1, 2, 3, 3)], "flat", axis=1)
    y = n.node("Relu", [n.node("Gemm", [x, n.weight("w", 18, 18), n.bias("b", 18)], "dense")], "relu")
    n.node("Add", [x, y], "y")
    n.output("y", 1, 18)


def gemm(n):
    """B as [in, out] and with factors alpha and beta."""
    x = n.node("Flatten", [n.input("x", 1, 2, 3, 3)], "flat", axis=1)
    n.node("Gemm", [x, n.weight("w", 18, 5), n.bias("b", 5)], "y", alpha=0.25, beta=0.5)
    n.output("y", 1, 5)


def gemm_transposed(n):
    n.node("Gemm", [n.input("x", 1, 12), n.weight("w", 5, 12), n.bias("b", 5)], "y", transB=1)
    n.output("y", 1, 5)


def matmul_add(n):
    """A matrix of 3 rows, not a vector."""
    y = n.node("MatMul", [n.input("x", 1, 3, 8), n.weight("w", 8, 4)], "product")
    n.node("Add", [y, n.bias("b", 4)], "y")
    n.output("y", 1, 3, 4)


def mlp(n):
    y = n.node("Gemm", [n.input("x", 1, 10), n.weight("w1", 12, 10), n.bias("b1", 12)], "hidden", transB=1)
    n.node("Gemm", [n.node("Relu", [y], "relu"), n.weight("w2", 4, 12), n.bias("b2", 4)], "y", transB=1)
    n.output("y", 1, 4)


def transpose_reshape(n):
    """Channels last, then flat, then a layer that depends on the order; the -1 must be inferred."""
    y = n.node("Transpose", [n.input("x", 1, 2, 3, 4)], "channels_last", perm=[0, 2, 3, 1])
    y = n.node("Reshape", [y, n.ints("shape", 1, -1)], "flat")
    n.node("Gemm", [y, n.weight("w", 5, 24), n.bias("b", 5)], "y", transB=1)
    n.output("y", 1, 5)


def squeeze(n):
    y = n.conv(n.input("x", 1, 2, 4, 4), "conv", 4, 2, (4, 4))
    n.node("Squeeze", [y, n.ints("axes", 2, 3)], "y")
    n.output("y", 1, 4)


def legacy_bias(n):
    """Opset 6: a bias along axis 1, and Clip and Dropout of that time. onnxruntime computes the same network of today."""
    n.opset, n.twin = 6, bias_of_today
    y = n.node("Conv", [n.input("x", 1, 2, 4, 4), n.weight("kernel", 3, 2, 3, 3)], "conv", kernel_shape=[3, 3])
    y = n.node("Add", [y, n.bias("bias", 3)], "sum", axis=1, broadcast=1)
    y = n.node("Dropout", [n.node("Clip", [y], "clip", min=-0.5, max=0.75)], "dropout", is_test=1)
    n.node("Reshape", [y, n.ints("shape", 1, -1)], "y")
    n.output("y", 1, 12)


def bias_of_today(n):
    kernel = n.weight("kernel", 3, 2, 3, 3)
    y = n.node("Conv", [n.input("x", 1, 2, 4, 4), kernel, n.bias("bias", 3)], "conv", kernel_shape=[3, 3])
    y = n.node("Clip", [y, n.const("low", np.float32(-0.5)), n.const("high", np.float32(0.75))], "clip")
    n.node("Flatten", [y], "y", axis=1)
    n.output("y", 1, 12)


def scaled_regression(n):
    """A pipeline of scikit-learn as skl2onnx writes it."""
    offset, scale = n.rng.normal(0, 0.5, 6), n.rng.uniform(0.5, 2, 6)
    x = n.input("x", 1, 6)
    y = n.node("Scaler", [x], "scaled", domain=LEARNING, offset=offset.tolist(), scale=scale.tolist())
    weights, bias = n.rng.normal(0, 0.5, 12), n.rng.normal(0, 0.5, 2)
    n.node(
        "LinearRegressor", [y], "y", domain=LEARNING, coefficients=weights.tolist(), intercepts=bias.tolist(), targets=2
    )
    n.output("y", 1, 2)


def half_weights(n):
    """Weights and values of 16 bits, such that no sum is rounded."""
    n.element_type = TensorProto.FLOAT16
    weight = n.const("w", n.rng.integers(-3, 4, (6, 4)).astype(np.float16) / 4)
    n.node("Gemm", [n.input("x", 1, 6), weight, n.const("b", np.array([0.5, -0.25, 0, 1], np.float16))], "y")
    n.output("y", 1, 4)


def double_weights(n):
    n.element_type = TensorProto.DOUBLE
    n.node("MatMul", [n.input("x", 1, 6), n.const("w", n.rng.normal(0, 0.5, (6, 4)))], "y")
    n.output("y", 1, 4)


def sparse_weights(n):
    """Three weights of a matrix that has 24."""
    values = numpy_helper.from_array(np.array([0.5, -1.25, 2], np.float32), "w")
    places = numpy_helper.from_array(np.array([1, 10, 20], np.int64), "w.places")
    n.sparse.append(helper.make_sparse_tensor(values, places, [6, 4]))
    n.node("MatMul", [n.input("x", 1, 6), "w"], "y")
    n.output("y", 1, 4)


def computed_constants(n):
    """The shape is computed from the input's shape, and the factor from other constants."""
    x = n.input("x", 1, 2, 3, 4)
    batch = n.node("Gather", [n.node("Shape", [x], "shape"), n.ints("first", 0)], "batch", axis=0)
    target = n.node("Concat", [batch, n.ints("rest", -1)], "target", axis=0)
    y = n.node("Reshape", [x, target], "flat")
    steps = n.node("Range", [n.const("start", np.int64(1)), n.const("stop", np.int64(25)), n.const("step", np.int64(1))], "steps")
    root = n.node("Sqrt", [n.node("Cast", [steps], "reals", to=TensorProto.FLOAT)], "roots")
    large = n.node("Greater", [root, n.const("bound", np.float32(3))], "large")
    factor = n.node("Where", [large, n.const("one", np.float32(1)), root], "factor")
    n.node("Gemm", [n.node("Mul", [y, factor], "scaled"), n.weight("w", 5, 24), n.bias("b", 5)], "y", transB=1)
    n.output("y", 1, 5)


def constant_condition(n):
    """The branch depends on the rank of the input, as torchvision's exports do."""
    x = n.input("x", 1, 2, 2, 2)

    def branch(name, nodes):
        return helper.make_graph(nodes, name, [], [helper.make_tensor_value_info(name, n.element_type, None)])

    rank = n.node("Size", [n.node("Shape", [x], "shape")], "rank")
    n.node(
        "If",
        [n.node("Equal", [rank, n.const("four", np.int64(4))], "is_image")],
        "chosen",
        then_branch=branch("image", [helper.make_node("Flatten", [x], ["image"], name="image", axis=1)]),
        else_branch=branch("other", [helper.make_node("Sigmoid", [x], ["other"], name="other")]),
    )
    n.node("Gemm", ["chosen", n.weight("w", 3, 8), n.bias("b", 3)], "y", transB=1)
    n.output("y", 1, 3)


def two_outputs(n):
    """One output is also read by the layer that makes the other."""
    x = n.node("Relu", [n.conv(n.input("x", 1, 1, 4, 4), "conv", 2, 1, (3, 3))], "features")
    n.node("Gemm", [n.node("Flatten", [x], "flat", axis=1), n.weight("w", 3, 8), n.bias("b", 3)], "scores", transB=1)
    n.output("features", 1, 2, 2, 2)
    n.output("scores", 1, 3)


SUPPORTED = (
    conv_valid, conv_pad, conv_asymmetric_pad, conv_stride2, conv_stride_uneven, conv_pointwise, conv_groups,
    conv_depthwise, conv_depthwise_multiplier, conv_batchnorm_relu, batchnorm, avgpool, avgpool_overlap, global_avgpool,
    global_maxpool, reduce_sum, sums, maxpool2, maxpool3_pad1, conv_relu_maxpool, relu, clip_relu6, clip_symmetric, add_constant, add_two_inputs,
    mul_constant, residual_add, residual_deep, flatten_residual, gemm, gemm_transposed, matmul_add, mlp, transpose_reshape,
    squeeze, legacy_bias, scaled_regression, half_weights, double_weights, sparse_weights, computed_constants,
    constant_condition, two_outputs, *ACTIVATIONS,
)  # fmt: skip

# --- not supported: the refusal names this node and operator ---------------------------------------------------------


def chance_inside(n):
    """Values that are drawn at random."""
    n.opset = 15
    y = n.node("Gemm", [n.input("x", 1, 6), n.weight("w1", 4, 6), n.bias("b1", 4)], "hidden", transB=1)
    n.node("Gemm", [n.node("Bernoulli", [y], "drawn"), n.weight("w2", 3, 4), n.bias("b2", 3)], "y", transB=1)
    n.output("y", 1, 3)
    return "Bernoulli", "drawn"


def power_of_two_inputs(n):
    """A power whose exponent is no constant."""
    n.node("Exp", [n.input("a", 1, 2, 3, 3)], "base")
    n.node("Pow", ["base", n.input("b", 1, 2, 3, 3)], "y")
    n.output("y", 1, 2, 3, 3)
    return "Pow", "y"


UNSUPPORTED = (chance_inside, power_of_two_inputs)


def flat(arrays):
    return [[float(v) + 0.0 for v in a.ravel()] for a in arrays]  # + 0.0: no minus zero


def rounded(lists):
    return [[round(v, 7) + 0.0 for v in values] for values in lists]


def write(build, folder, folder_name):
    """Builds one model; returns how many operators it has."""
    net = Net(build.__name__)
    refused = build(net)
    model = net.model()
    onnx.save(model, folder / folder_name / f"{net.name}.onnx")

    inputs = net.sample()
    if net.twin:
        twin = Net(net.name)
        net.twin(twin)
        model = twin.model()
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    dtype = helper.tensor_dtype_to_np_dtype(net.element_type)
    outputs = session.run(None, {n: x.astype(dtype) for (n, _), x in zip(net.inputs, inputs)})
    case = {"input_data": flat(inputs)}
    if refused:
        case["operator"], case["node"] = refused
    else:
        case["expected"] = rounded(flat(outputs))
        samples = [inputs] + [net.sample() for _ in range(SAMPLES - 1)]
        case["samples"] = [{"input_data": flat(sample)} for sample in samples]
    (folder / folder_name / f"{net.name}.json").write_text(json.dumps(case) + "\n")


def write_all(folder):
    for folder_name, builders in (("ops", SUPPORTED), ("unsupported", UNSUPPORTED)):
        (folder / folder_name).mkdir(parents=True, exist_ok=True)
        for build in builders:
            write(build, folder, folder_name)


def write_bench(folder):
    """The network of `scripts/bench engine`, whose picture may have any size."""
    net = Net("conv")
    side = ("height", "width")
    net.input("x", 1, 3, *side)
    first = net.node("Relu", [net.conv("x", "first", 8, 3, (3, 3), pads=[1, 1, 1, 1])], "first.relu")
    second = net.node("Relu", [net.conv(first, "second", 8, 8, (3, 3), pads=[1, 1, 1, 1])], "second.relu")
    pooled = net.node("Flatten", [net.node("GlobalAveragePool", [second], "pool")], "flat")
    net.node("MatMul", [pooled, net.weight("dense.weight", 8, 10)], "y")
    net.output("y", 1, 10)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(net.model(), folder / "conv.onnx")


def files_of(folder):
    return {
        p.relative_to(folder): p.read_bytes()
        for kind in ("ops", "unsupported")
        for p in sorted((folder / kind).glob("*"))
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a committed file differs")
    if not parser.parse_args().check:
        write_all(FIXTURES)
        write_bench(FIXTURES.parent / "bench")
        print(f"wrote {len(SUPPORTED)} supported and {len(UNSUPPORTED)} unsupported models to {FIXTURES}")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        write_all(Path(scratch))
        fresh, committed = files_of(Path(scratch)), files_of(FIXTURES)
    stale = sorted(str(p) for p in fresh.keys() | committed.keys() if fresh.get(p) != committed.get(p))
    print("\n".join(f"differs: {name}" for name in stale) or "the committed fixtures are what this script makes")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
