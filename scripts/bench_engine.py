"""`scripts/bench engine`: our prover against halo2's own, with the same keys in the same run; `scripts/bench gpu`: the same on a device of ICICLE.

    scripts/bench engine                             k = 10 to 18
    scripts/bench engine --k 12,14 --runs 5 --threads 2
    scripts/bench gpu --device CUDA:0                multi-scalar multiplications of 2^12 to 2^18, then whole proofs

One network of two convolutions is compiled at several sizes of its picture (tests/fixtures/bench/conv.onnx, whose height and width are open),
and every bundle is proved by halo2's prover, by ours, by ours with AVX2 alone, and without vector instructions. Figures are medians of whole processes, as
the kernel counts them, and ratios are to halo2's in the same run.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "tests" / "fixtures" / "bench" / "conv.onnx"
CHANNELS = 3
# The size of the picture and the objective that give a circuit of 2^k rows.
CIRCUITS = {10: (8, "time"), 12: (24, "time"), 14: (16, "gas"), 16: (40, "gas"), 18: (80, "gas")}
PROVERS = {
    "halo2": ["--prover", "stock"],
    "ours": [],
    "ours, AVX2": ["--backend", "cpu-avx2"],
    "ours, portable": ["--backend", "cpu-portable"],
}


def sizes(text):
    chosen = [int(part) for part in text.split(",")]
    unknown = [k for k in chosen if k not in CIRCUITS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no circuit of k = {unknown[0]}; there are {', '.join(map(str, CIRCUITS))}")
    return chosen


def arguments(kind, given):
    parser = argparse.ArgumentParser(
        prog=f"bench {kind}", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--k", type=sizes, default=list(CIRCUITS), help="log2 of rows to measure (default all)")
    parser.add_argument("--runs", type=int, default=3, help="proofs a prover (default 3)")
    parser.add_argument("--threads", type=int, default=1, help="threads of a proof (default 1)")
    parser.add_argument("--json", action="store_true", help="JSON on stdout in place of the tables")
    if kind == "gpu":
        parser.add_argument("--device", default="CUDA:0", help="of ICICLE (default CUDA:0)")
    return parser.parse_args(given)


def multiplications(device):
    """Milliseconds of multi-scalar multiplications on the processor and on the device."""
    command = ["cargo", "run", "--release", "--locked", "-q", "-p", "chainfer-accelerators", "--example", "msm_table"]
    made = subprocess.run([*command, "--", device], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if made.returncode != 0:
        raise SystemExit(f"bench gpu: the device {device} cannot be measured")
    return [json.loads(line) for line in made.stdout.splitlines()]


def picture(size, folder):
    """An input file of random values."""
    values = random.Random(size)
    path = folder / f"input{size}.json"
    data = [round(values.uniform(0, 1), 4) for _ in range(CHANNELS * size * size)]
    path.write_text(json.dumps({"input_data": [data]}))
    return path


def circuit(k, chainfer, measure, say, folder):
    """Compiles one; its bundle and input."""
    size, objective = CIRCUITS[k]
    bundle, values = folder / f"bundle{k}", picture(size, folder)
    say(f"k = {k}: compile")
    dims = ["--dim", f"height={size}", "--dim", f"width={size}"]
    command = [chainfer, "compile", MODEL, *dims, "--calibration", values, "--chunks", 1, "--optimize", objective]
    report = measure([*command, "--json", "-o", bundle]).report
    made = [chunk["k"] for chunk in report["chunks"]]
    if made != [k]:
        raise SystemExit(f"bench engine: the circuit has k = {made} in place of {k}")
    return bundle, values


def prove(prover, flags, bundle, values, options, chainfer, measure, say, folder):
    """Proves `runs` times; a row of the result, with the steps of the last run."""
    runs = []
    for number in range(options.runs):
        say(f"{bundle.name}: {prover} {number + 1}/{options.runs}")
        command = [chainfer, "prove", bundle, "--input", values, "--jobs", 1, "--stats", "--force", *flags]
        runs.append(measure([*command, "--json", "-o", folder / "proof.json"]))

    def median(field):
        return statistics.median(getattr(run, field) for run in runs)

    steps = [step for chunk in runs[-1].report["chunks"] for step in chunk.get("steps", [])]
    return {
        "prover": prover,
        "cpu_s": median("cpu_s"),
        "wall_s": median("wall_s"),
        "peak_rss_bytes": max(run.peak_rss_bytes for run in runs),
        "steps": steps,
    }


def by_step(rows):
    """Milliseconds of each kind of step, by k, of our prover."""
    kinds = list(dict.fromkeys(step["step"] for row in rows for step in row["ours"]["steps"]))
    total = {
        (kind, row["k"]): 1e3 * sum(s["wall_s"] for s in row["ours"]["steps"] if s["step"] == kind)
        for row in rows
        for kind in kinds
    }
    lines = [["step, ms", *(f"k={row['k']}" for row in rows)]]
    for kind in kinds:
        lines.append([kind, *(f"{total[kind, row['k']]:.1f}" for row in rows)])
    return lines


def aligned(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))) for line in lines
    )


def run(kind, given, chainfer, measure, say, machine):
    options = arguments(kind, given)
    provers, table = dict(PROVERS), None
    if kind == "gpu":
        provers[f"ours, {options.device}"] = ["--backend", "icicle", "--device", options.device]
        table = multiplications(options.device)
    if hasattr(os, "sched_setaffinity"):
        # A prover takes as many threads as it may use processors.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    rows = []
    with tempfile.TemporaryDirectory(prefix="chainfer-bench-") as scratch:
        folder = Path(scratch)
        for k in options.k:
            bundle, values = circuit(k, chainfer, measure, say, folder)
            row = {"k": k}
            for prover, flags in provers.items():
                row[prover] = prove(prover, flags, bundle, values, options, chainfer, measure, say, folder)
            rows.append(row)
    result = {"format": "chainfer.bench.engine", "version": 1, "machine": machine, "threads": options.threads, "rows": rows}
    if table:
        result["multiplications"] = table
    if options.json:
        print(json.dumps(result, indent=2))
        return
    if table:
        lines = [["MSM, ms a column", "device", "one a call", "eight a call"]]
        lines += [[f"2^{m['k']}", m["device"], f"{m['one_ms']:.2f}", f"{m['batch_ms']:.2f}"] for m in table]
        print(aligned(lines), end="\n\n")
    print(f"{machine['cpu']}; medians of {options.runs} runs, threads: {options.threads}")
    lines = [["k", "prover", "CPU-s", "ratio", "wall s", "peak MiB", "ratio"]]
    for row in rows:
        base = row["halo2"]
        for prover in provers:
            one = row[prover]
            lines.append(
                [
                    str(row["k"]),
                    prover,
                    f"{one['cpu_s']:.2f}",
                    f"{one['cpu_s'] / base['cpu_s']:.2f}",
                    f"{one['wall_s']:.2f}",
                    f"{one['peak_rss_bytes'] / 2**20:.0f}",
                    f"{one['peak_rss_bytes'] / base['peak_rss_bytes']:.2f}",
                ]
            )
    print(aligned(lines))
    print()
    print(aligned(by_step(rows)))
