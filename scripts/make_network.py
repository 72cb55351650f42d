#!/usr/bin/env python3
"""Writes MobileNetV2 or ResNet-20 as an ONNX model with random weights of a seed, for tests of large models: no registry of packages has
trained ones.

    scripts/make_network.py mobilenetv2 OUTPUT_FOLDER [--width 1.0] [--size 224] [--classes 1000] [--seed 1] [--fold]
    scripts/make_network.py resnet20 OUTPUT_FOLDER [--width 1.0] [--size 32] [--classes 10] [--seed 1] [--fold]

MobileNetV2 is that of Sandler et al. 2018, table 2: a convolution, seventeen inverted residual blocks, a convolution of 1,280 channels, an
average over the image, a dense layer. ResNet-20 is that of He et al. 2016, section 4.2: a convolution, nine residual blocks of two
convolutions with 16, 32 and 64 channels, an average over the image, a dense layer; where a block changes the shape, a convolution of
1 x 1 does so to what goes around it. Weights are normal, scaled by He's rule, so that activations keep their size from layer to layer.
Every convolution has a BatchNormalization with statistics of its own, which --fold multiplies into the weights. Next to model.onnx stand
calibration.npz (16 inputs) and input.npz (one more): smooth random images between -1 and 1.
"""

import argparse
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Expansion, channels, blocks, stride of the first block.
BLOCKS = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
EPSILON = 1e-3


def channels(count, width):
    """A number of channels times the width, a multiple of 8 that is at most a tenth smaller."""
    scaled = count * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


class Network:
    """A graph while it is built."""

    def __init__(self, rng, fold):
        self.rng = rng
        self.fold = fold
        self.nodes = []
        self.constants = []

    def constant(self, name, values):
        self.constants.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def node(self, operator, inputs, name, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def convolution(self, x, name, shape, kernel, stride=1, groups=1, activation="relu6"):
        """A convolution from shape[0] to shape[1] channels, normalised, with its activation behind it: "relu6", "relu" or none."""
        source, target = shape
        fan_in = source // groups * kernel * kernel
        gain = 2.0 if activation else 1.0
        weights = self.rng.normal(0, np.sqrt(gain / fan_in), (target, source // groups, kernel, kernel))
        mean = self.rng.normal(0, 0.1, target)
        variance = self.rng.uniform(0.5, 1.5, target)
        gamma = self.rng.uniform(0.8, 1.2, target)
        beta = self.rng.normal(0.2 if activation else 0, 0.1, target)
        factor = gamma / np.sqrt(variance + EPSILON)
        pad = kernel // 2
        attributes = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4, "group": groups}
        if self.fold:
            weights = weights * factor[:, None, None, None]
            inputs = [x, self.constant(f"{name}.weight", weights), self.constant(f"{name}.bias", beta - mean * factor)]
            x = self.node("Conv", inputs, name, **attributes)
        else:
            x = self.node("Conv", [x, self.constant(f"{name}.weight", weights)], name, **attributes)
            statistics = [("gamma", gamma), ("beta", beta), ("mean", mean), ("variance", variance)]
            inputs = [x] + [self.constant(f"{name}.{part}", values) for part, values in statistics]
            x = self.node("BatchNormalization", inputs, f"{name}.norm", epsilon=EPSILON)
        return self.activation(x, name, activation)

    def activation(self, x, name, activation):
        """A ReLU6, a ReLU, or nothing."""
        if not activation:
            return x
        if activation == "relu":
            return self.node("Relu", [x], f"{name}.relu")
        ends = [f"{name}.low", f"{name}.high"]
        for end, value in zip(ends, (0.0, 6.0)):
            self.constant(end, np.array(value))
        return self.node("Clip", [x, *ends], f"{name}.relu6")

    def inverted_residual(self, x, name, shape, expansion, stride):
        """A block of MobileNetV2."""
        source, target = shape
        inner = source * expansion
        y = x
        if expansion > 1:
            y = self.convolution(y, f"{name}.expand", (source, inner), 1)
        y = self.convolution(y, f"{name}.depthwise", (inner, inner), 3, stride, inner)
        y = self.convolution(y, f"{name}.project", (inner, target), 1, activation=None)
        return self.node("Add", [x, y], f"{name}.sum") if stride == 1 and source == target else y

    def residual(self, x, name, shape, stride):
        """A block of ResNet-20."""
        source, target = shape
        y = self.convolution(x, f"{name}.first", (source, target), 3, stride, activation="relu")
        y = self.convolution(y, f"{name}.second", (target, target), 3, activation=None)
        if source != target:
            x = self.convolution(x, f"{name}.around", (source, target), 1, stride, activation=None)
        return self.activation(self.node("Add", [x, y], f"{name}.sum"), name, "relu")

    def classifier(self, x, source, classes):
        """An average over the image and a dense layer."""
        x = self.node("GlobalAveragePool", [x], "average")
        x = self.node("Flatten", [x], "flat")
        weights = self.rng.normal(0, np.sqrt(1 / source), (classes, source))
        inputs = [x, self.constant("classes.weight", weights), self.constant("classes.bias", np.zeros(classes))]
        self.node("Gemm", inputs, "scores", transB=1)


def mobilenetv2(network, arguments):
    """From "image" to "scores"."""
    source = channels(32, arguments.width)
    x = network.convolution("image", "stem", (3, source), 3, 2)
    for number, (expansion, target, blocks, stride) in enumerate(BLOCKS):
        target = channels(target, arguments.width)
        for block in range(blocks):
            name = f"stage{number}.block{block}"
            x = network.inverted_residual(x, name, (source, target), expansion, stride if block == 0 else 1)
            source = target
    last = channels(1280, max(arguments.width, 1.0))
    x = network.convolution(x, "head", (source, last), 1)
    network.classifier(x, last, arguments.classes)


def resnet20(network, arguments):
    """From "image" to "scores"."""
    source = channels(16, arguments.width)
    x = network.convolution("image", "stem", (3, source), 3, activation="relu")
    for number, width in enumerate((16, 32, 64)):
        target = channels(width, arguments.width)
        for block in range(3):
            x = network.residual(x, f"stage{number}.block{block}", (source, target), 2 if number and block == 0 else 1)
            source = target
    network.classifier(x, source, arguments.classes)


# How it is built, its name, the side of its images and its classes.
NETWORKS = {"mobilenetv2": (mobilenetv2, "MobileNetV2", 224, 1000), "resnet20": (resnet20, "ResNet-20", 32, 10)}


def build(arguments, name, make):
    """The model."""
    network = Network(np.random.default_rng(arguments.seed), arguments.fold)
    make(network, arguments)
    side = arguments.size
    graph = helper.make_graph(
        network.nodes,
        name,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, side, side])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, arguments.classes])],
        network.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def images(rng, count, side):
    """Smooth random images: coarse noise, enlarged, with some fine noise."""
    coarse = rng.uniform(-1, 1, (count, 3, 8, 8))
    scale = -(-side // 8)
    large = coarse.repeat(scale, 2).repeat(scale, 3)[:, :, :side, :side]
    return np.clip(large + rng.normal(0, 0.1, large.shape), -1, 1).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--size", type=int)
    parser.add_argument("--classes", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fold", action="store_true")
    arguments = parser.parse_args()
    make, name, side, classes = NETWORKS[arguments.network]
    arguments.size = arguments.size or side
    arguments.classes = arguments.classes or classes
    arguments.output.mkdir(parents=True, exist_ok=True)
    onnx.save(build(arguments, name, make), arguments.output / "model.onnx")
    samples = images(np.random.default_rng(arguments.seed + 1), 17, arguments.size)
    np.savez(arguments.output / "calibration.npz", image=samples[:16])
    np.savez(arguments.output / "input.npz", image=samples[16:])


if __name__ == "__main__":
    main()
