"""The networks of the inference benchmark as files: hybrid ones and their twins, each in float32 and in int8."""

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hybrid_tf.errors import unknown
from hybrid_tf.system.files import write_bytes
from hybrid_tf.system.quiet import silenced

if TYPE_CHECKING:
    import tensorflow as tf

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "benchmarks"
HYBRID, HYBRID_INT8, FLOAT32, INT8 = "hybrid", "hybrid-int8", "float32", "int8"
CHECKED_IMAGES = 8
_CALIBRATION_IMAGES = 32  # enough for the ranges of activations, as all images are noise of the same distribution
_SOURCES = (
    "hybrid_tf/models/**/*.py",
    "hybrid_tf/compiler/**/*.py",
    "benchmarks/timing/networks.py",
)


@dataclass(frozen=True)
class Network:
    """A network to measure; the hybrid one has the plan `residual`.

    Attributes:
        title: what tables call it.
        name: in the registry of networks.
        size: height and width of an image, which has three channels.
        classes: number of scores.
        width: multiplies the channels.
    """

    title: str
    name: str
    size: int
    classes: int
    width: float = 1.0


NETWORKS = {
    "vgg19": Network("VGG-19, 32x32, 100 classes", "vgg19", 32, 100),
    "resnet18": Network("ResNet-18, 224x224, 1000 classes", "resnet18", 224, 1000),
    "resnet20": Network("ResNet-20, 32x32, 10 classes", "resnet20", 32, 10),
}
SMALL = Network("ResNet-20 of quarter width, 32x32, 10 classes", "resnet20", 32, 10, width=0.25)


def find_network(name: str) -> Network:
    """Returns the network called `name`. Raises HybridTFError when there is none."""
    if name not in NETWORKS:
        raise unknown("network", name, NETWORKS)
    return NETWORKS[name]


def images(network: Network) -> np.ndarray:
    """Returns what engines are compared on, float32 [CHECKED_IMAGES, size, size, 3]; the first one is also timed."""
    return _noise(network, CHECKED_IMAGES, seed=1)


def network_files(network: Network) -> dict[str, Path]:
    """Returns the paths of the files HYBRID, HYBRID_INT8, FLOAT32 and INT8, made now unless an earlier run did it.

    Raises:
        HybridTFError: when a network cannot be converted or a file not be written.
    """
    makers = {HYBRID: _make_hybrid, HYBRID_INT8: _make_hybrid_int8, FLOAT32: _make_float32, INT8: _make_int8}
    folder = made_folder()
    files = {kind: folder / f"{network.name}-{network.width:g}-{kind}.tflite" for kind in makers}
    for kind, path in files.items():
        if not path.exists():
            with silenced():
                makers[kind](network, path)
    return files


def made_folder() -> Path:
    """Returns where files with random weights are kept, until the code or the converters that make them change."""
    return FOLDER / _digest()


def randomise(model: "tf.keras.Model") -> None:
    """Gives a model random weights and statistics: fresh batch norms are alike, and converters drop them."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        if "kernel" in weight.name:  # keeps the variance of what goes through it
            value = random.standard_normal(weight.shape) / np.sqrt(np.prod(weight.shape[:-1]))
        elif "gamma" in weight.name or "variance" in weight.name:
            value = random.uniform(0.5, 1.5, weight.shape)
        else:  # biases, betas, means
            value = random.standard_normal(weight.shape)
        weight.assign(value.astype(np.float32))


def _make_hybrid(network: Network, path: Path) -> None:
    from hybrid_tf.compiler import convert

    convert(_random_model(network, "residual"), path)


def _make_hybrid_int8(network: Network, path: Path) -> None:
    from hybrid_tf.compiler import Metadata, calibrate_int8, convert

    model = _random_model(network, "residual")
    calibration = _noise(network, _CALIBRATION_IMAGES, seed=2)
    convert(model, path, Metadata(int8=calibrate_int8(model, calibration)), io="int8")


def _make_float32(network: Network, path: Path) -> None:
    model = _random_model(network, "full_precision")
    write_bytes(path, _converter(model).convert())


def _make_int8(network: Network, path: Path) -> None:
    """Everything in int8, the input and the scores too."""
    import tensorflow as tf

    model = _random_model(network, "full_precision")
    calibration = _noise(network, _CALIBRATION_IMAGES, seed=2)
    converter = _converter(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    write_bytes(path, converter.convert())


def _converter(model: "tf.keras.Model") -> "tf.lite.TFLiteConverter":
    """TensorFlow's own converter, for one image at a time."""
    import tensorflow as tf

    image = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    function = tf.function(lambda x: model(x, training=False)).get_concrete_function(image)
    return tf.lite.TFLiteConverter.from_concrete_functions([function], model)


def _random_model(network: Network, plan: str) -> "tf.keras.Model":
    from hybrid_tf.models.registry import build_model

    shape = (network.size, network.size, 3)
    model = build_model(network.name, plan, input_shape=shape, classes=network.classes, width=network.width)
    randomise(model)
    return model


def _noise(network: Network, count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, network.size, network.size, 3), np.float32)


def _digest() -> str:
    """Names the code and the converters that make the files."""
    texts = [path.read_text() for pattern in _SOURCES for path in sorted(ROOT.glob(pattern))]
    versions = [version(name) for name in ("tensorflow", "larq-compute-engine")]
    return hashlib.sha256("\n".join(texts + versions).encode()).hexdigest()[:12]
