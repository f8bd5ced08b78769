"""Wheels for machines without LiteRT: Debian's own Python and numpy, emulated, run shipped networks alike."""

import os
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hybrid_tf import pretrained
from hybrid_tf_runtime import Interpreter, metadata
from runtime.emulation import debian_python
from tests.runtime.conftest import wheel
from tests.support.extent import EVERYTHING
from tests.support.shared import made_once

pytestmark = [
    pytest.mark.slow,
    pytest.mark.emulated,
    pytest.mark.network,
    pytest.mark.compiled,
    pytest.mark.sweep,
    pytest.mark.skipif(not EVERYTHING, reason="each compiles a wheel for minutes: make sweep"),
]

WHEELS = {"armhf": "armv7l", "riscv64": "riscv64"}
FOLDER = Path(pretrained.__file__).parent
FILES = [f"{name}/model{suffix}.tflite" for name in pretrained.pretrained_names() for suffix in ("", ".int8")]
SCRIPT = """
import importlib.util, platform, sys
import numpy as np
from hybrid_tf_runtime import Interpreter, kernels, metadata

assert importlib.util.find_spec("ai_edge_litert") is None
images, results = np.load(sys.argv[1]), {}
for path in sys.argv[3:]:
    interpreter = Interpreter(path, 2)
    assert interpreter.engine == "standalone"
    results[path] = interpreter.predict(images)
    results[path + " classes"] = metadata(path).class_names
np.savez(sys.argv[2], **results)
"""


@pytest.mark.parametrize("machine", WHEELS)
def test_shipped_networks_have_the_same_scores(machine, tmp_path, tmp_path_factory):
    if reason := debian_python.missing(machine):
        pytest.skip(reason)
    python = debian_python.prepare(machine)
    package = made_once(
        tmp_path_factory,
        f"{machine}-wheel",
        lambda folder: zipfile.ZipFile(wheel(WHEELS[machine])).extractall(folder),
    )
    paths = [str(FOLDER / name) for name in FILES]
    images = np.random.default_rng(0).normal(size=Interpreter(paths[0]).input_shapes[0]).astype(np.float32)
    np.save(tmp_path / "images.npy", images)
    command = [python, "-c", SCRIPT, tmp_path / "images.npy", tmp_path / "scores.npz", *paths]
    environment = {**os.environ, "EMULATED_PYTHONPATH": str(package)}
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    results = np.load(tmp_path / "scores.npz")
    assert len(results.files) == 2 * len(paths)
    for path in paths:
        here = Interpreter(path, engine="standalone", kernels="portable")
        np.testing.assert_array_equal(results[path], here.predict(images), err_msg=path)
        assert tuple(results[f"{path} classes"]) == metadata(path).class_names
