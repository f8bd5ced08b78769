"""The `hybrid-tf-classify` command: what is on images, by a network that hybrid-tf converted."""

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hybrid_tf_runtime.command import positive, printable, run_command
from hybrid_tf_runtime.errors import HybridTFRuntimeError
from hybrid_tf_runtime.file_metadata import PROBABILITIES, SAYS_NOTHING, Metadata, metadata
from hybrid_tf_runtime.image_files import image_files
from hybrid_tf_runtime.images import image_reader, load_image
from hybrid_tf_runtime.interpreter import Interpreter


def classify(file: str | Path, images: Sequence[str | Path], top: int = 1, threads: int = 1) -> list[dict[str, Any]]:
    """Classifies image files with a converted network; class names and normalisation come from its file.

    Args:
        file: path of the .tflite file.
        images: paths of image files, of any size; see `load_image`.
        top: number of classes to return for each image.
        threads: number of threads that may work on one image.

    Returns:
        For each image its path and the `top` most probable classes with their probabilities.

    Raises:
        HybridTFRuntimeError: when the file or an image cannot be read, or the file is not an image classifier.
    """
    classify_one = _classifier(file, top, threads)
    return [classify_one(image) for image in images]  # one at a time: a device may not hold many


def _classifier(file: str | Path, top: int, threads: int) -> Callable[[str | Path], dict[str, Any]]:
    """Returns what `classify` does with one image."""
    image_reader()  # once, instead of an error for each image
    found, interpreter = metadata(file), Interpreter(file, threads)
    shape = _image_shape(interpreter, found)
    mean, std = np.array(found.mean, np.float32), np.array(found.std, np.float32)

    def classify_one(image: str | Path) -> dict[str, Any]:
        pixels = load_image(image, shape, found.background)
        scores = interpreter.predict_float((pixels.astype(np.float32)[None] - mean) / std)[0]
        if not np.isfinite(scores).all():
            raise HybridTFRuntimeError(
                f"{interpreter.name} gives scores that are no numbers for {image}: train it again"
            )
        probabilities = scores if found.scores == PROBABILITIES else _softmax(scores)
        best = np.argsort(-scores, kind="stable")[:top]
        named = [{"class": found.class_names[i], "probability": float(probabilities[i])} for i in best]
        return {"image": str(image), "top": named}

    return classify_one


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()


def _image_shape(interpreter: Interpreter, found: Metadata) -> tuple[int, int, int]:
    """Returns height, width and channels, after checking that the network and its metadata fit together."""
    if not found.class_names:
        raise HybridTFRuntimeError(f"{interpreter.name} {SAYS_NOTHING}")
    tensors = [*interpreter.input_types, *interpreter.output_types]
    shape, outputs = interpreter.input_shapes[0], interpreter.output_shapes[0]
    channels = shape[-1] if len(shape) == 4 else 0
    known = len(tensors) == 2 and set(tensors) <= {np.dtype(np.float32), np.dtype(np.int8)}
    if not known or channels not in (1, 3) or outputs != (1, len(found.class_names)):
        raise HybridTFRuntimeError(
            f"{interpreter.name} is no network from one float32 or int8 image of 1 or 3 channels to a score for each "
            f"of its {len(found.class_names)} classes: run it with hybrid_tf_runtime.Interpreter"
        )
    if len(found.mean) != channels:
        raise HybridTFRuntimeError(
            f"{interpreter.name} has {channels} channels, but normalisation for {len(found.mean)}: convert it again"
        )
    return shape[1], shape[2], shape[3]


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        prog="hybrid-tf-classify",
        description="Classify images with a network that hybrid-tf converted: its file says what the classes are.",
        epilog="examples:\n"
        "  hybrid-tf-classify model.tflite photo.jpg --top 3\n"
        "  hybrid-tf-classify model.tflite photos --threads 4 --json > classes.jsonl\n"
        "  find . -name '*.jpg' -newer last | hybrid-tf-classify model.tflite -",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE.tflite", help="made by `hybrid-tf convert` or `make demo`")
    parser.add_argument(
        "images",
        metavar="IMAGE|FOLDER|PATTERN|-",
        nargs="+",
        help="images of any size; all in a folder and below it, but for hidden files; those that a quoted pattern "
        "matches, ** for folders; - for paths on standard input, one a line",
    )
    parser.add_argument("--top", type=positive, default=1, metavar="K", help="classes to show for each image (1)")
    parser.add_argument("--threads", type=positive, default=1, metavar="N", help="threads that work on one image (1)")
    parser.add_argument("--json", action="store_true", help="print JSON Lines: one object for each image")
    run_command(parser, _show)


def _show(options: argparse.Namespace) -> None:
    """Shows each result at once. An image that cannot be read does not stop the others."""
    _check_order(options.file, options.images)
    classify_one = _classifier(options.file, options.top, options.threads)
    failed = False
    for name, error in image_files(options.images):
        try:
            found: dict[str, Any] = {"image": name, "error": error} if error else classify_one(name)
        except HybridTFRuntimeError as reason:
            found = {"image": name, "error": str(reason)}
        if options.json:
            print(json.dumps(found), flush=True)
        elif "top" in found:
            best = ", ".join(f"{item['class']} {100 * item['probability']:.2f} %" for item in found["top"])
            print(printable(f"{name}: {best}"), flush=True)
        if "error" in found:
            failed = True
            print(printable(f"error: {found['error']}"), file=sys.stderr, flush=True)
    if failed:
        sys.exit(1)


def _check_order(file: str, images: Sequence[str]) -> None:
    """Raises HybridTFRuntimeError when the network comes behind the images."""
    network = next((image for image in images if image.endswith(".tflite") and Path(image).is_file()), None)
    if file.endswith(".tflite") or network is None:
        return
    rest = [file, *(image for image in images if image != network)]
    meant = shlex.join(["hybrid-tf-classify", network, *rest[:3]]) + (" ..." if len(rest) > 3 else "")
    raise HybridTFRuntimeError(f"{file} is no network: the first argument is the .tflite file; did you mean `{meant}`?")


if __name__ == "__main__":
    main()
