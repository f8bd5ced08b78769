import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from small_networks import METADATA, random_images, residual_network

from hybrid_tf.converters import Metadata, convert
from hybrid_tf.lock import waited_for

RUNTIME = Path(__file__).parents[2] / "runtime"


@pytest.fixture(scope="session")
def images():
    return random_images(8)


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    """A small converted network that no test may change."""
    path = tmp_path_factory.mktemp("converted") / "model.tflite"
    convert(residual_network(), path, Metadata(**METADATA))
    return path


@pytest.fixture(scope="session")
def wheels():
    """The wheel for each machine, by name, as `make wheels` builds them. Kept until the runtime's files change."""
    sys.path.insert(0, str(RUNTIME))
    from wheels import MACHINES, make_wheel

    found = (path for kind in ("*", "src/**/*", "hybrid_tf_runtime/*.py") for path in RUNTIME.glob(kind))
    files = filter(Path.is_file, found)
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()[:16]
    folder = RUNTIME.parent / "build" / "wheels" / digest
    with waited_for(folder / "lock"):  # tests run in several processes
        missing = [machine for machine in MACHINES if not list(folder.glob(f"*{machine}.whl"))]
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda machine: make_wheel(machine, folder), missing))
    return {machine: next(folder.glob(f"*{machine}.whl")) for machine in MACHINES}


@pytest.fixture(scope="session")
def fresh_environment(wheels, tmp_path_factory):
    """The folder of programs of an environment with the wheel and what it requires, and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    programs = folder / "bin"
    wheel = f"{wheels['x86_64']}[images]"
    subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", wheel], check=True)
    return programs


@pytest.fixture(scope="session")
def fuzz_seeds(tmp_path_factory):
    """A folder of small sound models."""
    from fuzz_seeds import write_seeds

    folder = tmp_path_factory.mktemp("seeds")
    write_seeds(folder)
    return folder
