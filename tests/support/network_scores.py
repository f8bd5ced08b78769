"""Runs every `.tflite` of a folder on the images in its `images.npy`, and saves the scores to an `.npz`.

    python tests/support/network_scores.py FOLDER OUTPUT.npz LIBRARY INTERPRETER

LIBRARY is the path of the delegate, INTERPRETER a module such as `tflite_runtime.interpreter`: as people use it who do
not import hybrid_tf_runtime. Needs numpy and the interpreter only.
"""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np


def scores(module, library, path, images, fusion):
    """Returns the scores of each image."""
    delegate = module.load_delegate(library, {"fusion": str(fusion)})
    interpreter = module.Interpreter(str(path), experimental_delegates=[delegate])
    interpreter.allocate_tensors()
    [image], [output] = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for pixels in images:
        interpreter.set_tensor(image["index"], pixels[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(output["index"]))
    return np.concatenate(rows)


def main():
    folder, output, library, interpreter = sys.argv[1:]
    module, images = import_module(interpreter), np.load(Path(folder) / "images.npy")
    results = {}
    for path in sorted(Path(folder).glob("*.tflite")):
        for fusion in (1, 0):
            results[f"{path.stem} fusion={fusion}"] = scores(module, library, path, images, fusion)
    np.savez(output, **results)


if __name__ == "__main__":
    main()
