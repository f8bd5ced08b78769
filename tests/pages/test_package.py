import shutil
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

import hybrid_tf
from hybrid_tf.micro.kernels import HOST, ROOT, helium_files, kernel_files

REPOSITORY = Path(__file__).parents[2]


def test_every_public_name_is_what_it_says():
    import_module("hybrid_tf.training")  # a package of the same name would hide a function
    assert callable(hybrid_tf.train)
    for name in hybrid_tf.__all__:
        assert getattr(hybrid_tf, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = hybrid_tf.trian


@pytest.mark.slow
def test_legacy_keras_is_chosen_or_asked_for():
    code = "import hybrid_tf, tensorflow as tf; print(tf.keras.layers.Layer.__module__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("tf_keras.")
    code = "import os; os.environ.pop('TF_USE_LEGACY_KERAS', None); import keras, hybrid_tf"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "import hybrid_tf before anything that uses Keras" in done.stderr


def test_no_module_is_long():
    """400 lines is the limit of what one module may hold."""
    folders = ("hybrid_tf", "recipes", "converters", "benchmarks", "tests")
    lengths = {
        path: len(path.read_text().splitlines()) for name in folders for path in (REPOSITORY / name).rglob("*.py")
    }
    assert lengths
    assert not {str(path): length for path, length in lengths.items() if length > 400}


@pytest.mark.slow
def test_the_wheel_holds_every_package(tmp_path):
    source = tmp_path / "source"  # building leaves files behind
    source.mkdir()
    for name in ("setup.py", "pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    for name in ("hybrid_tf", "runtime"):
        leave_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, source / name, symlinks=True, ignore=leave_out)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, source]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (path for suffix in ("py", "html") for path in (source / "hybrid_tf").rglob(f"*.{suffix}")):
        assert str(path.relative_to(source)) in names
    assert "hybrid_tf/py.typed" in names
    shipped = (source / "hybrid_tf" / "pretrained").glob("*/*")
    assert {str(path.relative_to(source)) for path in shipped} <= names
    kernels = [*kernel_files(), *helium_files(), *(path for path in HOST.rglob("*") if path.is_file())]
    assert len(kernels) > 25
    assert {f"hybrid_tf/micro/sources/{path.relative_to(ROOT)}" for path in kernels} <= names
    templates = (source / "hybrid_tf" / "micro" / "templates").rglob("*")
    assert {str(path.relative_to(source)) for path in templates if path.is_file()} <= names
    assert not [name for name in names if name.endswith((".so", ".o")) or "/fuzz/" in name]
