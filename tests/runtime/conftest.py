import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from small_networks import random_images, residual_network

from hybrid_tf.converters import Metadata, convert

RUNTIME = Path(__file__).parents[2] / "runtime"


@pytest.fixture(scope="session")
def images():
    return random_images(8)


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    """A small converted network that no test may change."""
    path = tmp_path_factory.mktemp("converted") / "model.tflite"
    metadata = Metadata(
        class_names=("aéroplane", "bird", "cat", "deer", "dog"),
        mean=(125.3, 122.95, 113.87),
        std=(62.99, 62.09, 66.7),
        input_shape=(12, 12, 3),
        network="vgg11",
        plan="residual",
        dataset="cifar10",
    )
    convert(residual_network(), path, metadata)
    return path


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """The wheel for each machine, by name, as `make wheels` builds them."""
    sys.path.insert(0, str(RUNTIME))
    from wheels import MACHINES, make_wheel

    folder = tmp_path_factory.mktemp("wheels")
    with ThreadPoolExecutor() as pool:
        built = pool.map(lambda machine: make_wheel(machine, folder), MACHINES)
        return dict(zip(MACHINES, built, strict=True))


@pytest.fixture(scope="session")
def fresh_environment(wheels, tmp_path_factory):
    """The folder of programs of an environment with the wheel and what it requires, and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    programs = folder / "bin"
    wheel = f"{wheels['x86_64']}[images]"
    subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", wheel], check=True)
    return programs
