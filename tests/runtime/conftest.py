import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from hybrid_tf.compiler import Metadata, convert
from hybrid_tf.system.lock import waited_for
from tests.support.extent import NARROW_CASES, SWEEP_CASES
from tests.support.shared import made_once
from tests.support.small_networks import METADATA, random_images, residual_network

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
    """Wheels by machine, as `make wheels` builds them."""
    return {machine: wheel(machine) for machine in ("x86_64", "aarch64")}


def wheel(machine):
    """Returns the wheel for a machine, kept until the runtime's files change."""
    from runtime.wheels import make_wheel

    kinds = ("*", "src/**/*", "include/*", "hybrid_tf_runtime/*.py")
    found = (path for kind in kinds for path in RUNTIME.glob(kind))
    files = filter(Path.is_file, found)
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()[:16]
    folder = RUNTIME.parent / "build" / "wheels" / digest / machine
    with waited_for(folder / "lock"):  # tests run in several processes
        made = list(folder.glob("*.whl"))
        return made[0] if made else make_wheel(machine, folder)


@pytest.fixture(scope="session")
def fresh_environment(wheels, tmp_path_factory):
    """The folder of programs of an environment with the wheel and what it requires, and nothing else."""

    def make(folder):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        wheel = f"{wheels['x86_64']}[images]"
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", wheel], check=True)

    return made_once(tmp_path_factory, "fresh-environment", make) / "bin"


@pytest.fixture(scope="session")
def fuzz_seeds(tmp_path_factory):
    """A folder of small sound models."""
    from tests.support.fuzz_seeds import write_seeds

    return made_once(tmp_path_factory, "fuzz-seeds", write_seeds)


@pytest.fixture(scope="session")
def sweep_folder(tmp_path_factory):
    """A folder of SWEEP_CASES generated configurations of operators, for check_folder.py."""
    from tests.support import sweep_files

    def write(folder):
        sweep_files.write(sweep_files.sweep_files(range(SWEEP_CASES), seed=2), folder)

    return made_once(tmp_path_factory, "sweep", write)


@pytest.fixture(scope="session")
def narrow_folder(tmp_path_factory):
    """The same of NARROW_CASES blocks of narrow binary convolutions."""
    from tests.support import sweep_files

    def write(folder):
        sweep_files.write(sweep_files.sweep_files(range(NARROW_CASES), narrow=True), folder)

    return made_once(tmp_path_factory, "narrow-sweep", write)
