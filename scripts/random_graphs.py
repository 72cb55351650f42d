#!/usr/bin/env python3
"""Compiles random ONNX graphs over all operators, and compares what chainfer computes with onnxruntime.

    scripts/random_graphs.py [--count 1000] [--prove 50] [--seed 1] [--jobs 2] [--keep DIR]

Each graph has three to eight operators with random attributes. It is compiled with its own samples, run, and its outputs are compared with
those of onnxruntime: they may differ by no more than the largest error that `compile` reports for that output, unless the reference
evaluator of onnx differs from onnxruntime, too. Some are proved and verified,
in one chunk, in two and in as many as there are layers. Graphs that chainfer refuses are counted by reason. Any mismatch, any crash and any
proof that fails ends with exit code 1. The requirements are those of requirements-train.txt; CHAINFER names the program.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from graph_steps import build
from onnx.reference import ReferenceEvaluator

RANGES = (480, 480, 480, 4064)
PROGRAM = os.environ.get("CHAINFER", "target/release/chainfer")


def outputs_of(g):
    """What nothing reads is an output, if it depends on the input."""
    read = {n for node in g.net.nodes for n in node.input}
    made = [n for n in g.order if n not in read and not g.net.inputs[0][0] == n]
    varies = lambda n: np.ptp(np.stack(g.values[n]), axis=0).max() > 0
    return [n for n in made if varies(n)]


def prune(g, outputs):
    """Leaves out nodes and constants that no output depends on."""
    needed, nodes = set(outputs), []
    for node in reversed(g.net.nodes):
        if needed & set(node.output):
            nodes.append(node)
            needed |= set(node.input)
    g.net.nodes = nodes[::-1]
    g.net.constants = [c for c in g.net.constants if c.name in needed]
    return g.net.inputs[0][0] in needed


class Outcome(Exception):
    """How a graph ended: `kind` is agrees, empty, refused, undecided (the runtimes differ), mismatch or crash."""

    def __init__(self, kind, text=""):
        super().__init__(text)
        self.kind = kind


def chainfer(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode == 0:
        return json.loads(done.stdout)
    text = done.stderr.strip().splitlines()
    message = " ".join(line.strip() for line in text if line.startswith("error") or line.startswith("    ")) or done.stderr
    raise Outcome("refused" if done.returncode == 2 and "panicked" not in done.stderr else "crash", message)


def check(seed, folder, proved):
    g = build(seed)
    outputs = outputs_of(g)
    if not outputs or not prune(g, outputs):
        raise Outcome("empty")
    for name in outputs:
        g.net.output(name, *g.shape(name))
    try:
        whole = g.net.model()
    except onnx.shape_inference.InferenceError as error:
        # The checker and the runtime disagree on a shape: there is no right answer.
        raise Outcome("empty") from error
    folder = pathlib.Path(folder) / f"graph{seed}"
    folder.mkdir(parents=True)
    model, data = folder / "model.onnx", folder / "data.json"
    onnx.save(whole, model)
    samples = g.values[g.net.inputs[0][0]]
    flat = [[[float(v) for v in s.ravel()]] for s in samples]
    data.write_text(json.dumps({"input_data": flat[0], "samples": [{"input_data": s} for s in flat]}))
    steps = RANGES[seed % len(RANGES)]
    for chunks in cuts(proved):
        bundle = folder / f"bundle{chunks}"
        options = ("--calibration", data, "--range", steps, "--json", "-o", bundle)
        try:
            made = chainfer("compile", model, "--chunks", chunks, *options)
        except Outcome as outcome:
            if "layers" in str(outcome) and chunks not in (1, "auto"):
                continue
            raise
        ran = chainfer("run", bundle, "--input", data, "--json")
        try:
            compare(g, made, ran)
        except Outcome as outcome:
            raise Outcome("mismatch" if runtimes_agree(g, whole) else "undecided", str(outcome)) from outcome
        if proved:
            proof = folder / f"proof{chunks}.json"
            chainfer("prove", bundle, "--input", data, "-o", proof, "--json")
            if not chainfer("verify", bundle, proof, "--json"):
                raise Outcome("mismatch", "the proof does not verify")
    raise Outcome("agrees", " ".join(sorted({n.op_type for n in g.net.nodes})))


def cuts(proved):
    return (1, 2, 4) if proved else ("auto",)


def runtimes_agree(g, model):
    """Whether the reference evaluator of onnx computes what onnxruntime does: where they differ, one of them is wrong."""
    inputs = {name: g.values[name][0] for name, _ in g.net.inputs}
    expected = [g.values[name][0] for name, _ in g.net.outputs]
    return all(
        got.shape == value.shape and np.allclose(got, value, rtol=1e-3, atol=1e-4)
        for got, value in zip(ReferenceEvaluator(model).run(None, inputs), expected)
    )


def compare(g, made, ran):
    reported = {o["name"]: o for o in made["quantisation"]["outputs"]}
    for output in ran["outputs"]:
        name = output["name"]
        expected = g.values[name][0].ravel().astype(np.float64)
        got = np.array(output["values"], np.float64).ravel()
        if got.shape != expected.shape:
            raise Outcome("mismatch", f"{name}: {got.size} values, not {expected.size}")
        slack = 1e-5 * (1 + np.abs(expected).max())
        error = np.abs(got - expected).max()
        allowed = reported[name]["max_abs_error"] + slack
        if error > allowed:
            raise Outcome("mismatch", f"{name}: differs by {error:.6f}, reported {allowed:.6f}")


def one(job):
    seed, folder, proved = job
    try:
        check(seed, folder, proved)
    except Outcome as outcome:
        return seed, proved, outcome.kind, str(outcome)
    return seed, proved, "crash", "no outcome"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--prove", type=int, default=50, help="graphs that are proved and verified in several cuts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", help="folder for the graphs; by default a temporary one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or temporary
        jobs = [(arguments.seed + at, folder, at < arguments.prove) for at in range(arguments.count)]
        counts, refusals, operators = collections.Counter(), collections.Counter(), collections.Counter()
        proved = 0
        with concurrent.futures.ProcessPoolExecutor(arguments.jobs) as pool:
            for seed, with_proof, kind, text in pool.map(one, jobs):
                counts[kind] += 1
                if sum(counts.values()) % 100 == 0:
                    print(f"{sum(counts.values())} of {len(jobs)}", file=sys.stderr, flush=True)
                if kind == "agrees":
                    proved += with_proof
                    operators.update(text.split())
                elif kind == "refused":
                    refusals[re.sub(r"'[^']*'|\w+_\d+|\d+", "_", text)[:160]] += 1
                if kind in ("mismatch", "crash"):
                    print(f"graph {seed}: {kind}: {text}", flush=True)
    print(f"{dict(counts)}, {proved} of those that agree proved and verified in several cuts")
    print("operators of those that agree:", ", ".join(f"{n} {c}" for n, c in operators.most_common()))
    for reason, count in refusals.most_common():
        print(f"refused {count}: {reason}")
    sys.exit(1 if counts["mismatch"] + counts["crash"] else 0)


if __name__ == "__main__":
    main()
