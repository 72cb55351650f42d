"""Random ONNX graphs over all operators; see random_graphs.py."""

import numpy as np
import onnx
import onnxruntime
from make_fixtures import SAMPLES, Net
from onnx import helper
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

LARGEST_TENSOR = 600
LARGEST_VALUE = 60.0
# What the runtime says of an attribute that does not go with these shapes.
REFUSALS = (
    runtime.Fail,
    runtime.InvalidArgument,
    runtime.InvalidGraph,
    runtime.NotImplemented,
    runtime.RuntimeException,
    onnx.checker.ValidationError,
    ValueError,
)


class Graph:
    """A graph that grows by nodes whose values on the samples are known."""

    def __init__(self, seed):
        self.net = Net(f"graph{seed}")
        self.net.opset = 20
        self.rng = self.net.rng
        self.values = {}
        self.order = []
        self.counter = 0

    def name(self, what):
        self.counter += 1
        return f"{what.lower()}_{self.counter}"

    def constant(self, array, what="constant"):
        name = self.name(what)
        self.net.const(name, array)
        self.values[name] = None
        return name

    def normal(self, *shape, scale=1.0):
        return (self.rng.normal(0, scale, shape)).astype(np.float32)

    def input(self, *shape):
        name = self.net.input(self.name("x"), *shape)
        samples = [np.round(self.rng.uniform(-1, 1, shape) * 64).astype(np.float32) / 64 for _ in range(SAMPLES)]
        self.values[name] = samples
        self.order.append(name)
        return name

    def apply(self, op, inputs, outputs=1, **attributes):
        """Adds a node, unless its values are of no use; then None."""
        names = [self.name(op) for _ in range(outputs)]
        node = helper.make_node(op, inputs, names, name=names[0], **attributes)
        results = self.run(node)
        for values in zip(*results):
            whole = np.stack(values)
            if whole.dtype != np.float32 and whole.dtype != bool and whole.dtype.kind != "i":
                return None
            if not 0 < whole[0].size <= LARGEST_TENSOR or whole[0].ndim > 5:
                return None
            if not np.isfinite(whole).all() or np.abs(whole).max() > LARGEST_VALUE:
                return None
        self.net.nodes.append(node)
        for name, values in zip(names, zip(*results)):
            self.values[name] = list(values)
            if values[0].dtype == np.float32:
                self.order.append(name)
        return names[0] if outputs == 1 else names

    def run(self, node):
        constants = [c for c in self.net.constants if c.name in node.input]
        fed = [n for n in node.input if n and self.values[n] is not None]
        info = lambda n, v: helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
        graph = helper.make_graph(
            [node],
            "one",
            [info(n, self.values[n][0]) for n in dict.fromkeys(fed)],
            [helper.make_empty_tensor_value_info(n) for n in node.output if n],
            constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.net.opset)])
        model.ir_version = 8
        session = session_of(model)
        return [session.run(None, {n: self.values[n][sample] for n in dict.fromkeys(fed)}) for sample in range(SAMPLES)]

    def shape(self, name):
        return self.values[name][0].shape

    def pick(self, *ranks):
        """A float tensor, rather a late one, of one of these ranks."""
        names = [n for n in self.order if not ranks or len(self.shape(n)) in ranks]
        if not names:
            return None
        return names[max(int(self.rng.integers(len(names))), int(self.rng.integers(len(names))))]

    def int(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def chance(self, part):
        return self.rng.random() < part

    def bounds(self, name):
        values = np.stack(self.values[name])
        return float(values.min()), float(values.max())


def session_of(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def fits(shape, target):
    """Whether a tensor is broadcast to the shape of another."""
    try:
        return np.broadcast_shapes(shape, target) == tuple(target)
    except ValueError:
        return False


# --- steps: each adds one operator, or returns None where none fits ------------------------------------------------------


def convolution(g):
    x = g.pick(3, 4, 5)
    if x is None:
        return None
    channels, space = g.shape(x)[1], g.shape(x)[2:]
    group = channels if g.chance(0.25) else next(d for d in (2, 1) if channels % d == 0 and (d == 1 or g.chance(0.3)))
    kernel = [g.int(1, min(3, side)) for side in space]
    transposed = g.chance(0.2)
    out = group * g.int(1, max(1, 4 // group))
    shape = (channels, out // group, *kernel) if transposed else (out, channels // group, *kernel)
    fan_in = channels // group * int(np.prod(kernel))
    inputs = [x, g.constant(g.normal(*shape, scale=fan_in**-0.5), "weight")]
    if g.chance(0.7):
        inputs.append(g.constant(g.normal(out, scale=0.2), "bias"))
    attributes = {"group": group, "kernel_shape": kernel, "strides": [g.int(1, 2) for _ in space]}
    if transposed:
        return g.apply("ConvTranspose", inputs, **attributes)
    if g.chance(0.3):
        attributes["dilations"] = [g.int(1, 2) if side > 2 * k else 1 for side, k in zip(space, kernel)]
    if g.chance(0.3):
        attributes["auto_pad"] = ["SAME_UPPER", "SAME_LOWER", "VALID"][g.int(0, 2)]
        attributes.pop("dilations", None)
    elif g.chance(0.6):
        attributes["pads"] = [g.int(0, k - 1) for k in kernel * 2]
    return g.apply("Conv", inputs, **attributes)


def pool(g):
    x = g.pick(3, 4, 5)
    if x is None:
        return None
    space = g.shape(x)[2:]
    if g.chance(0.25):
        return g.apply(["GlobalAveragePool", "GlobalMaxPool"][g.int(0, 1)], [x])
    kernel = [g.int(1, min(3, side)) for side in space]
    attributes = {"kernel_shape": kernel, "strides": [g.int(1, 2) for _ in space], "ceil_mode": g.int(0, 1)}
    if g.chance(0.5):
        attributes["pads"] = [g.int(0, k // 2) for k in kernel * 2]
        attributes["ceil_mode"] = 0
    if g.chance(0.5):
        return g.apply("MaxPool", [x], **attributes)
    return g.apply("AveragePool", [x], count_include_pad=g.int(0, 1), **attributes)


def normalisation(g):
    x = g.pick(3, 4)
    if x is None:
        return None
    channels = g.shape(x)[1]
    scale, shift = (g.constant(a) for a in (1 + g.normal(channels, scale=0.2), g.normal(channels, scale=0.2)))
    which = g.int(0, 4)
    if which == 0:
        mean = g.constant(g.normal(channels, scale=0.3))
        var = g.constant(np.abs(g.normal(channels)) + np.float32(0.3))
        return g.apply("BatchNormalization", [x, scale, shift, mean, var])
    if which == 1:
        if int(np.prod(g.shape(x)[2:])) < 4:
            return None
        return g.apply("InstanceNormalization", [x, scale, shift], epsilon=1e-2)
    if which == 2:
        size = g.shape(x)[-1]
        if size < 3:
            return None
        return g.apply("LayerNormalization", [x, g.constant(1 + g.normal(size, scale=0.2))], axis=-1, epsilon=1e-2)
    if which == 3:
        return g.apply("LRN", [x], size=3, alpha=0.1)
    axis = len(g.shape(x)) - 1
    return g.apply("LpNormalization", [x], axis=axis, p=2) if g.shape(x)[axis] > 2 else None


SMOOTH = """Relu LeakyRelu Elu Selu Sigmoid Tanh HardSigmoid HardSwish Softplus Softsign Mish Gelu Erf Abs Neg Sin Cos Exp
Celu ThresholdedRelu Atan Asinh Shrink""".split()
STEPS = "Floor Ceil Round Sign".split()


def function(g):
    x = g.pick()
    low, high = g.bounds(x)
    op = SMOOTH[g.int(0, len(SMOOTH) - 1)] if g.chance(0.85) else STEPS[g.int(0, len(STEPS) - 1)]
    if op == "Exp" and high > 3:
        op = "Tanh"
    if g.chance(0.15):
        if low > 0.2:
            return g.apply(["Log", "Sqrt", "Reciprocal"][g.int(0, 2)], [x])
        return g.apply("Clip", [x, g.constant(np.float32(-0.4)), g.constant(np.float32(0.7))])
    if g.chance(0.1):
        return g.apply("Pow", [x, g.constant(np.float32(g.int(2, 3)))])
    if g.chance(0.1):
        slopes = g.normal(*g.shape(x)[1:2], *[1] * (len(g.shape(x)) - 2), scale=0.5)
        return g.apply("PRelu", [x, g.constant(slopes)])
    return g.apply(op, [x])


def arithmetic(g):
    x = g.pick()
    op = ["Add", "Sub", "Mul", "Max", "Min", "Div", "Mean", "Sum"][g.int(0, 7)]
    shape = g.shape(x)
    others = [n for n in g.order if fits(g.shape(n), shape)]
    if op != "Div" and others and g.chance(0.7):
        other = others[g.int(0, len(others) - 1)]
        return g.apply(op, [x, other] if g.chance(0.5) else [other, x])
    other = [side if g.chance(0.6) else 1 for side in shape][g.int(0, len(shape) - 1) :]
    values = np.abs(g.normal(*other)) + np.float32(0.5) if op == "Div" else g.normal(*other)
    return g.apply(op, [x, g.constant(values)])


def comparison(g):
    x = g.pick()
    op = ["Greater", "Less", "GreaterOrEqual", "LessOrEqual"][g.int(0, 3)]
    holds = g.apply(op, [x, g.constant(np.float32(g.rng.normal(0, 0.3)))])
    return holds and g.apply("Where", [holds, x, g.constant(np.float32(0.25))])


def movement(g):
    x = g.pick()
    shape = g.shape(x)
    rank = len(shape)
    ints = lambda *v: g.constant(np.array(v, np.int64))
    which = g.int(0, 13)
    axis = g.int(1, rank - 1) if rank > 1 else 0
    if which == 0:
        order = [0, *(1 + g.rng.permutation(rank - 1))]
        return g.apply("Transpose", [x], perm=[int(a) for a in order])
    if which == 1:
        return g.apply("Flatten", [x], axis=1)
    if which == 2:
        start, step = g.int(0, shape[axis] - 1), g.int(1, 2)
        return g.apply("Slice", [x, ints(start), ints(10_000), ints(axis), ints(step)])
    if which == 3:
        mode = ["constant", "reflect", "edge", "wrap"][g.int(0, 3)]
        ends = [0] * rank * 2
        ends[axis] = ends[rank + axis] = g.int(0, min(2, shape[axis] - 1))
        return g.apply("Pad", [x, ints(*ends)], mode=mode)
    if which == 4:
        indices = g.rng.integers(0, shape[axis], g.int(1, 4))
        return g.apply("Gather", [x, ints(*indices)], axis=axis)
    if which == 5:
        repeats = [1] * rank
        repeats[axis] = 2
        return g.apply("Tile", [x, ints(*repeats)])
    if which == 6:
        same = [n for n in g.order if len(g.shape(n)) == rank and all(a == axis or g.shape(n)[a] == shape[a] for a in range(rank))]
        return g.apply("Concat", [x, same[g.int(0, len(same) - 1)]], axis=axis)
    if which == 7:
        if shape[axis] < 2:
            return None
        parts = g.apply("Split", [x, ints(1, shape[axis] - 1)], outputs=2, axis=axis)
        return parts and parts[g.int(0, 1)]
    if which == 8 and rank == 4:
        scales = g.constant(np.array([1, 1, 2, 2], np.float32))
        linear = {"mode": "linear", "coordinate_transformation_mode": ["half_pixel", "align_corners", "asymmetric"][g.int(0, 2)]}
        return g.apply("Resize", [x, "", scales], **(linear if g.chance(0.5) else {"mode": "nearest"}))
    if which == 9 and rank == 4:
        if shape[1] % 4 == 0:
            return g.apply("DepthToSpace", [x], blocksize=2, mode=["DCR", "CRD"][g.int(0, 1)])
        return g.apply("SpaceToDepth", [x], blocksize=2) if shape[2] % 2 == shape[3] % 2 == 0 else None
    if which == 10:
        return g.apply("Expand", [x, ints(2, *[1] * rank)])
    if which == 12 and rank == 4:
        grid = g.constant(g.rng.uniform(-1.1, 1.1, (shape[0], 2, 3, 2)).astype(np.float32))
        mode, padding = ["linear", "nearest"][g.int(0, 1)], ["zeros", "border", "reflection"][g.int(0, 2)]
        return g.apply("GridSample", [x, grid], mode=mode, padding_mode=padding, align_corners=g.int(0, 1))
    if which == 11:
        return g.apply("Unsqueeze", [x, ints(1)])
    return g.apply("CumSum", [x, g.constant(np.int64(axis))])


def reduction(g):
    x = g.pick()
    rank = len(g.shape(x))
    if rank < 2:
        return None
    op = "ReduceMean ReduceSum ReduceMax ReduceMin ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSumExp".split()[g.int(0, 7)]
    axes = sorted({g.int(1, rank - 1) for _ in range(2)})
    return g.apply(op, [x, g.constant(np.array(axes, np.int64))], keepdims=g.int(0, 1))


def choice(g):
    """Softmax and its kin, and the greatest values."""
    x = g.pick()
    if g.chance(0.3):
        greatest = g.int(1, min(3, g.shape(x)[-1]))
        best = g.apply("TopK", [x, g.constant(np.array([greatest], np.int64))], outputs=2, axis=-1, largest=g.int(0, 1))
        return best and best[0]
    return g.apply(["Softmax", "LogSoftmax", "Hardmax"][min(g.int(0, 5), 2) % 3], [x], axis=-1)


def matrices(g):
    x = g.pick(2, 3, 4)
    if x is None:
        return None
    shape = g.shape(x)
    if g.chance(0.4):
        others = [n for n in g.order if g.shape(n)[:-2] == shape[:-2] and len(g.shape(n)) == len(shape) and g.shape(n)[-2] == shape[-1]]
        if others:
            return g.apply("MatMul", [x, others[g.int(0, len(others) - 1)]])
    columns = g.int(1, 6)
    weight = g.constant(g.normal(shape[-1], columns, scale=shape[-1] ** -0.5), "weight")
    if len(shape) == 2 and g.chance(0.5):
        return g.apply("Gemm", [x, weight, g.constant(g.normal(columns, scale=0.2))], alpha=0.5, beta=2.0)
    if len(shape) == 3 and g.chance(0.3):
        return g.apply("Einsum", [x, weight], equation="bij,jk->bik")
    return g.apply("MatMul", [x, weight])


def recurrence(g):
    x = g.pick(3)
    if x is None or g.shape(x)[1] != 1 or g.shape(x)[0] > 4:
        return None
    op, gates = [("LSTM", 4), ("GRU", 3), ("RNN", 1)][g.int(0, 2)]
    size, features = g.int(1, 3), g.shape(x)[2]
    weights = g.constant(g.normal(1, gates * size, features, scale=features**-0.5))
    recurrent = g.constant(g.normal(1, gates * size, size, scale=size**-0.5))
    attributes = {"linear_before_reset": g.int(0, 1)} if op == "GRU" else {}
    steps = g.apply(op, [x, weights, recurrent], hidden_size=size, **attributes)
    return steps


STEPS_OF_A_GRAPH = [
    (convolution, 5),
    (pool, 2),
    (normalisation, 2),
    (function, 6),
    (arithmetic, 5),
    (comparison, 1),
    (movement, 6),
    (reduction, 2),
    (choice, 2),
    (matrices, 3),
    (recurrence, 2),
]


def build(seed):
    """A graph and its samples."""
    g = Graph(seed)
    family = g.int(0, 3)
    if family == 0:
        g.input(1, g.int(1, 4), g.int(2, 6), g.int(2, 6))
    elif family == 1:
        g.input(g.int(1, 4), 1, g.int(2, 5))
    elif family == 2:
        g.input(1, g.int(2, 6), g.int(2, 6))
    else:
        g.input(1, g.int(3, 12))
    steps, weights = zip(*STEPS_OF_A_GRAPH)
    chances = np.array(weights) / sum(weights)
    wanted, tries = g.int(3, 8), 0
    while len(g.net.nodes) < wanted and tries < 60:
        tries += 1
        try:
            steps[int(g.rng.choice(len(steps), p=chances))](g)
        except REFUSALS:
            continue
    return g
