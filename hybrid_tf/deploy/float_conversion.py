"""From a float `.tflite` file or a SavedModel folder of any framework to a verified file. Larq is not needed."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from hybrid_tf.compiler.float_files import FloatFile, compile_float, noise, run_float, verify_float, write_float
from hybrid_tf.compiler.metadata import Metadata
from hybrid_tf.compiler.outcome import Conversion, Verification
from hybrid_tf.compiler.saved_models import float_file_of
from hybrid_tf.deploy.inputs import Network, network_inputs
from hybrid_tf.deploy.told import Told, check_scores
from hybrid_tf.errors import HybridTFError
from hybrid_tf.tflite.flatbuffer import parse_tflite, read_bytes


def convert_float(
    path: Path, output: Path | None = None, dataset: str | None = None, samples: int = 256, told: Told | None = None
) -> tuple[Conversion, Verification]:
    """Converts a float file or a SavedModel, and verifies the result against the float file in LiteRT.

    Args:
        path: path of the file or the folder; of a SavedModel, TensorFlow's converter makes the float file.
        output: path of the file to write; `None` means that of a SavedModel's folder with `.tflite` behind it.
        dataset: name or path of a data set to verify on; `None` means noise.
        samples: number of samples to verify on.
        told: what the user says of the network's inputs, classes and scores.

    Raises:
        HybridTFError: when it cannot be read or run, or the file does not compute what the float file does; nothing is
            written then.
    """
    told = told or Told()
    is_folder = path.is_dir()
    if output is None and not is_folder:
        raise HybridTFError(f"{path} is the float file: name another one to write, with -o")
    output = output or path.with_name(f"{path.name}.tflite")
    if output.exists() and path.exists() and output.samefile(path):
        raise HybridTFError(f"{path} is the float file, which would be lost: name another one to write, with -o")
    content = float_file_of(path) if is_folder else read_bytes(path)
    file = compile_float(content, str(path), Metadata())
    network = _classifier(file, path.stem)
    if network is None:
        _refuse(path, dataset, told)
        inputs, labels, text = noise(file, samples), None, "inputs of normal noise"
    else:
        found = network_inputs(network, told.normalisation_for(network.shape[2]), dataset, samples, told)
        check_scores(network.run(found.images[:64]), told.scores)
        metadata = replace(found.metadata, input_shape=network.shape)
        file = compile_float(content, str(path), metadata)
        inputs, labels, text = [[image[np.newaxis]] for image in found.images], found.labels, found.text
    verification = replace(verify_float(file, inputs, labels), inputs=text)
    if not verification.passed:
        raise HybridTFError(f"{output} was not written: {verification.failure}")
    return write_float(file, output), verification


def _classifier(file: FloatFile, name: str) -> Network | None:
    """Returns the network as one from images to scores; None when it is something else."""
    parsed = parse_tflite(file.float_content, file.name)
    inputs, outputs = ([parsed.tensors[number] for number in numbers] for numbers in (parsed.inputs, parsed.outputs))
    shapes = [tensor.shape for tensor in (*inputs, *outputs)]
    kinds = {tensor.type for tensor in (*inputs, *outputs)}
    if kinds != {"FLOAT32"} or [len(shape) for shape in shapes] != [4, 2] or {shape[0] for shape in shapes} != {1}:
        return None
    return Network(tuple(shapes[0][1:]), shapes[1][1], name, lambda images: run_float(file, images))


def _refuse(path: Path, dataset: str | None, told: Told) -> None:
    if dataset or told != Told():
        raise HybridTFError(
            f"{path} is not a network from one float image (1, height, width, channels) to one row of scores: leave "
            "out --dataset, --mean, --std, --classes and --scores"
        )
