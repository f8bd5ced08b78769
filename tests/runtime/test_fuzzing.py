"""Damaged models through the Python interpreter, and fuzzers of the parts that read what a file says."""

import json
import platform
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sanitized_build import FLAGS, RUNTIME, compile_objects, run

from hybrid_tf.flatbuffer import parse_tflite
from hybrid_tf_runtime import HybridTFRuntimeError, Interpreter

HERE = Path(__file__).parent
MODELS = 10000
# Each fuzzer with what it needs beside the runtime, and how many inputs it tries here. By hand, for longer:
# python tests/runtime/test_fuzzing.py FOLDER builds them.
FUZZERS = {"options": ([], 100000), "check_model": ([], 40000), "delegate": (["host.cc"], 4000)}
ENABLE = "needs: sudo apt-get install clang libclang-rt-dev"


def build_fuzzers(folder, plain=()):
    """Compiles the fuzzers into `folder`; returns their paths."""
    sanitizers = "address,undefined"
    objects = compile_objects(folder / "objects", "clang++", f"fuzzer-no-link,{sanitizers}", plain)
    for name, (sources, _) in FUZZERS.items():
        files = [RUNTIME / "fuzz" / source for source in (f"fuzz_{name}.cc", *sources)]
        include = ["-I", RUNTIME / "src"]
        run(["clang++", *FLAGS, f"-fsanitize=fuzzer,{sanitizers}", *include, *files, *objects, "-o", folder / name])
    return {name: folder / name for name in FUZZERS}


def can_fuzz():
    found = shutil.which("clang++")
    name = f"libclang_rt.fuzzer-{platform.machine()}.a"
    return found and Path(run([found, f"-print-file-name={name}"]).stdout.strip()).is_absolute()


@pytest.fixture(scope="module")
def fuzzers(tmp_path_factory):
    # test_sanitizers.py looks into these kernels, and they take longest to compile.
    return build_fuzzers(tmp_path_factory.mktemp("fuzzers"), ("kernels_avx512.cc", "kernels_avx512vpopcnt.cc"))


@pytest.fixture
def corpora(fuzz_seeds, tmp_path):
    """Inputs to start from."""
    rng = random.Random(0)
    for name in FUZZERS:
        (tmp_path / name).mkdir()
    for model in fuzz_seeds.glob("*.tflite"):
        shutil.copy(model, tmp_path / "check_model")
        for number, operator in enumerate(parse_tflite(model.read_bytes(), model).operators):
            (tmp_path / "options" / f"{model.stem}{number}").write_bytes(operator.custom_options)
    for number in range(200):
        (tmp_path / "delegate" / str(number)).write_bytes(rng.randbytes(rng.randrange(20, 300)))
    return tmp_path


@pytest.mark.skipif(not can_fuzz(), reason=ENABLE)
@pytest.mark.parametrize("name", FUZZERS)
def test_no_input_is_too_odd(name, fuzzers, corpora):
    options = [
        f"-runs={FUZZERS[name][1]}",
        "-seed=1",
        "-len_control=0",
        "-timeout=5",
        "-rss_limit_mb=0",
        "-malloc_limit_mb=1024",
        f"-artifact_prefix={corpora}/",
    ]
    done = run([fuzzers[name], corpora / name, *options])
    assert f"Done {FUZZERS[name][1]} runs" in done.stderr


def test_damaged_models_are_refused_or_run(fuzz_seeds, tmp_path):
    command = [sys.executable, HERE / "fuzz_models.py", fuzz_seeds, "--count", MODELS, "--keep", tmp_path]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    result = json.loads(done.stdout)
    assert result["ran"] + result["refused"] == MODELS
    assert result["ran"] > MODELS / 20


def test_seeds_are_sound(fuzz_seeds):
    for path in fuzz_seeds.glob("*.tflite"):
        Interpreter(path)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 100, 4000])
def test_truncated_files_are_refused_in_a_sentence(length, fuzz_seeds):
    content = (fuzz_seeds / "residual.tflite").read_bytes()
    assert len(content) > length
    with pytest.raises(HybridTFRuntimeError) as refused:
        Interpreter(content[:length])
    assert len(str(refused.value)) > 20


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    print(build_fuzzers(Path(sys.argv[1])))
