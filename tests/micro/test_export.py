import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from hybrid_tf import pretrained
from hybrid_tf.cli import cli
from hybrid_tf.compiler import Interpreter, Metadata, calibrate_int8, convert, read_metadata
from hybrid_tf.data import load_dataset
from hybrid_tf.errors import HybridTFError
from hybrid_tf.micro.boards import BOARDS
from hybrid_tf.micro.export import arena_with_margin
from hybrid_tf.micro.kernels import HOST, build_host_library
from hybrid_tf.micro.plain_c.sizes import PlainCSizes, plain_c_sizes
from hybrid_tf.micro.report import KERNEL_BYTES, MicroReport
from hybrid_tf.models.registry import build_model
from hybrid_tf.models.spec import BinarizationConfig
from runtime.emulation.cortex_m import CORES, CXX_FLAGS, missing, run
from tests.support.shared import made_once
from tests.support.small_networks import randomise

pytestmark = [pytest.mark.slow, pytest.mark.compiled]

HERE = Path(__file__).parent

NAMES = ("zero", "ünø", 'a "two"', "back\\slash?", "??/four", "5", "6", "7", "8", "9")
needs_arm = pytest.mark.skipif(bool(missing()), reason=missing())


@pytest.fixture(scope="module")
def network():
    return randomise(build_model("resnet20", "residual", input_shape=(28, 28, 1), classes=10, width=0.5), seed=3)


@pytest.fixture(scope="module")
def file(network, tmp_path_factory):
    def make(folder):
        metadata = Metadata(NAMES, (78.0,), (95.8,), (28, 28, 1), "resnet20", "residual", "digits")
        convert(network, folder / "model.tflite", metadata)

    return made_once(tmp_path_factory, "file-for-tflm", make) / "model.tflite"


@pytest.fixture(scope="module")
def exported(file, tmp_path_factory):
    """An exported folder, and what the command printed."""

    def make(folder):
        arguments = ["export-micro", str(file), "-o", str(folder / "network"), "--json"]
        done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        (folder / "printed.json").write_text(done.stdout)

    folder = made_once(tmp_path_factory, "exported", make)
    return folder / "network", json.loads((folder / "printed.json").read_text())


@pytest.fixture(autouse=True)
def kernels_are_compiled_once(request, monkeypatch):
    """The commands of all tests take one library; that of `exported` alone compiles as users see it."""

    def copy(library):
        shutil.copy(request.getfixturevalue("tflm_library"), library)

    monkeypatch.setattr("hybrid_tf.micro.export.build_host_library", copy)


def run_program(folder, library, *options):
    """Runs a folder's own main.cpp in real TensorFlow Lite Micro: its op resolver, arena, normalisation and image."""
    flags = "-std=c++17 -O2 -fPIC -shared -fvisibility=hidden -fno-exceptions -Dmain=exported_main".split()  # noqa: SIM905
    flags += ["-Wall", "-Wextra", "-Werror", "-include", str(HERE / "exported_main.h")]
    run(
        [
            "g++",
            *flags,
            *options,
            "-I",
            HOST,
            "-I",
            folder,
            *folder.glob("src/**/*.cpp"),
            *folder.glob("*.cpp"),
            "-o",
            library,
        ]
    )
    command = [sys.executable, "-m", "tests.support.run_exported", library]
    return subprocess.run(command, capture_output=True, text=True, cwd=HERE.parents[1])


def digits(count):
    images, labels = load_dataset("digits", input_size=(28, 28), channels=1, validation=0.0).test.take(count)
    return (images.astype(np.float32) - 78.0) / 95.8, labels


def test_the_program_says_what_keras_says(network, exported, tmp_path):
    folder, result = exported
    done = run_program(folder, tmp_path / "program.so")
    predicted = int(network.predict(digits(1)[0], verbose=0).argmax())
    assert run_program(folder, tmp_path / "heap.so", "-DHEAP_ARENA").stderr == done.stderr
    assert done.stderr.strip().endswith(f"class {predicted}: {NAMES[predicted]}"), done.stderr
    assert done.returncode == 0
    assert result["test_image"] == {"class": predicted, "name": NAMES[predicted]}


@pytest.mark.parametrize("io", ["float32", "int8"])
def test_the_program_of_an_int8_file_classifies_as_lce_does(io, network, tmp_path, hybrid_tf):
    path, folder = tmp_path / "model.tflite", tmp_path / "network"
    images = digits(32)[0]
    if shifts := io == "int8":
        options = {"width": 0.5, "binarization": BinarizationConfig(shifts=True)}
        network = randomise(build_model("resnet20", "residual", input_shape=(28, 28, 1), **options), seed=3)
    ranges = calibrate_int8(network, images)
    convert(network, path, Metadata(NAMES, (78.0,), (95.8,), (28, 28, 1), dataset="digits", int8=ranges), io)
    code, out, error = hybrid_tf("export-micro", path, "-o", folder, "--json")
    assert code == 0, error
    found = json.loads(out)
    predicted = found["test_image"]["class"]
    done = run_program(folder, tmp_path / "program.so")
    assert (done.returncode, f"class {predicted}: " in done.stderr) == (0, True), done.stderr
    assert ("QUANTIZE" in found["operators"]) == (io == "float32")
    assert ("AddByChannel" in (folder / "src" / "op_resolver.h").read_text()) == shifts
    scores = Interpreter(path).predict(images[:1])[0]  # TFLM's convolution rounds otherwise; classes of noise lie close
    assert scores.max() - scores[predicted] <= 0.1 * np.ptp(scores)


@needs_arm
@pytest.mark.parametrize("name", ["cortex-m4", "cortex-m55"])
def test_the_folder_compiles_as_it_stands(name, exported, tmp_path):
    folder, _ = exported
    core = CORES[name]
    sources = [*folder.glob("src/**/*.cpp"), *folder.glob("*.cpp")]
    if name == "cortex-m55":
        sources = [source for source in sources if source.name != "bconv2d.cpp"]
        sources += folder.glob("helium/*.cpp")
    assert len(sources) >= 11
    for source in sources:
        flags = [*CXX_FLAGS, *core.flags, "-Os", "-I", HOST, "-I", folder]
        run(["arm-none-eabi-g++", *flags, "-c", source, "-o", tmp_path / f"{source.stem}.o"])


def test_a_tflm_that_is_too_old_is_refused_in_words(exported, tmp_path):
    folder, _ = exported
    done = subprocess.run(
        ["g++", "-std=c++17", "-c", folder / "src" / "kernels" / "quantize_ops.cpp", "-o", tmp_path / "o"],
        capture_output=True,
        text=True,
    )
    assert "TensorFlow Lite Micro is missing, or older than 26 May 2023" in done.stderr


def test_arduino_compiles_all_that_a_sketch_needs_and_nothing_else(exported):
    folder, _ = exported
    assert {path.suffix for path in (folder / "src").rglob("*") if path.is_file()} == {".cpp", ".h"}
    kernels = {path.name for path in (folder / "src" / "kernels").iterdir()}
    assert {path.name for path in (folder / "helium").iterdir()} <= kernels


@needs_arm
def test_its_cmake_file_builds_the_network(exported, tmp_path):
    folder, _ = exported
    options = {
        "CMAKE_SYSTEM_NAME": "Generic",
        "CMAKE_CXX_COMPILER": "arm-none-eabi-g++",
        "CMAKE_C_COMPILER": "arm-none-eabi-gcc",
        "CMAKE_TRY_COMPILE_TARGET_TYPE": "STATIC_LIBRARY",
        "CMAKE_CXX_FLAGS": "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16",
        "TFLM_DIR": HOST,
        "TFLM_LIBRARY": tmp_path / "libtflm.a",  # the program itself is not linked here
    }
    run(["cmake", "-S", folder, "-B", tmp_path, *(f"-D{key}={value}" for key, value in options.items())])
    run(["cmake", "--build", tmp_path, "--target", "hybrid_network"])
    assert (tmp_path / "libhybrid_network.a").stat().st_size > 39_000


def test_the_arena_is_what_tflm_needs(file, exported, tflm):
    _, result = exported
    measured = tflm.arena_bytes(file)
    assert result["arena_bytes"] == arena_with_margin(measured)
    assert measured < result["arena_bytes"] <= measured * 1.05 + 1024
    with pytest.raises(HybridTFError, match=r"cannot run .*: .*allocate"):
        tflm.arena_bytes(file, measured // 2)


def test_the_resolver_has_exactly_the_operators(exported):
    folder, result = exported
    text = (folder / "src" / "op_resolver.h").read_text()
    assert set(re.findall(r"resolver\.(Add\w+)", text)) == {
        *("AddCustom", "AddAdd", "AddConv2D", "AddAveragePool2D", "AddMean", "AddFullyConnected")
    }
    assert f"kModelOps = {len(result['operators'])};" in text
    assert text.count("resolver.Add") == len(result["operators"])


def test_the_settings_say_what_the_scores_are(exported):
    assert "constexpr bool kGivesProbabilities = false;" in (exported[0] / "src" / "model_settings.h").read_text()
    assert "what the scores are (logits)" in (exported[0] / "README.md").read_text()


def test_the_folder_is_whole_or_absent(file, exported, tmp_path, monkeypatch, hybrid_tf):
    folder, _ = exported
    code, _, error = hybrid_tf("export-micro", file, "-o", folder)
    assert (code, "is there already: remove it, or choose another folder" in error) == (1, True)
    monkeypatch.setattr("hybrid_tf.micro.export.kernel_files", lambda: [tmp_path / "absent.cc"])
    wanted = tmp_path / "parent" / "network"
    code, _, error = hybrid_tf("export-micro", file, "-o", wanted)
    assert (code, error.startswith("error: cannot write")) == (1, True)
    assert not list(wanted.parent.iterdir())


def test_an_operator_that_tflm_lacks_is_named_with_its_layer(tmp_path, hybrid_tf):
    image = tf.keras.layers.Input((8, 8, 1))
    x = tf.keras.layers.Conv2D(4, 3, name="stem")(image)
    x = tf.keras.layers.Lambda(tf.sign, name="hard_sign")(x)
    x = tf.keras.layers.GlobalAveragePooling2D()(x)
    model = randomise(tf.keras.Model(image, tf.keras.layers.Dense(3)(x)))
    path = tmp_path / "model.tflite"
    convert(model, path, Metadata(("a", "b", "c"), (0.0,), (1.0,), (8, 8, 1), dataset="digits"))
    for command in (["export-micro", path, "-o", tmp_path / "out"], ["micro-report", path]):
        code, _, error = hybrid_tf(*command)
        assert (code, "has no operator SIGN, which layer 'hard_sign' needs" in error) == (1, True), error
    assert not (tmp_path / "out").exists()


def test_without_the_wheel_the_error_says_what_to_install(file, monkeypatch, hybrid_tf):
    monkeypatch.setattr("hybrid_tf.micro.tflm.WHEEL", "tflite-micro-that-is-absent")
    code, _, error = hybrid_tf("micro-report", file)
    assert (code, "it is not installed: pip install tflite-micro-that-is-absent==" in error) == (1, True)


def test_a_missing_compiler_is_an_error_with_the_fix(tmp_path, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HybridTFError, match="sudo apt-get install g"):
        build_host_library(tmp_path / "kernels.so")


def test_a_board_needs_the_flash_and_the_arena_in_one_piece():
    def fitting(model_bytes, arena_bytes):
        report = MicroReport(
            Path("model.tflite"), model_bytes, KERNEL_BYTES, arena_bytes, arena_bytes, {}, PlainCSizes(0, {}, "")
        )
        return {board["name"] for board in report.boards() if board["fits"]}

    fit = fitting(1000, 96 * 1024)
    assert {board.name for board in BOARDS} - fit == {"Arduino UNO R4", "WCH CH32V307-EVT"}
    assert fit - fitting(1000, 96 * 1024 + 1) == {"ST NUCLEO-L476RG"}  # its 128 KB of SRAM are two pieces
    assert fit - fitting(512 * 1024, 1000) == {"BBC micro:bit V2", "ST NUCLEO-F446RE"}  # the kernels come on top


@needs_arm
def test_plain_c_takes_what_its_object_files_take():
    path = pretrained.FOLDER / "resnet20-residual-taught" / "model.int8.tflite"
    found = plain_c_sizes(path, read_metadata(path))
    assert found.arena_bytes == 19_744
    assert {"Cortex-M0+", "Cortex-M3", "Cortex-M4", "Cortex-M55"} <= found.flash_bytes.keys()
    assert all(50_000 < size < 70_000 for size in found.flash_bytes.values())
    report = MicroReport(path, path.stat().st_size, KERNEL_BYTES, 63_824, 67_584, {}, found)
    assert all(board["fits_plain_c"] for board in report.boards())
    assert not all(board["fits"] for board in report.boards())


def test_the_report_says_which_boards_fit(file, network):
    done = CliRunner().invoke(cli, ["micro-report", str(file), "--samples", "20", "--json"], catch_exceptions=False)
    found = json.loads(done.stdout)
    images, labels = digits(20)
    scores = network.predict(images, verbose=0)
    assert (found["accuracy"], found["images"]) == ((scores.argmax(axis=1) == labels).mean(), 20)
    assert found["model_bytes"] == file.stat().st_size
    assert found["flash_bytes"] == file.stat().st_size + KERNEL_BYTES
    assert found["operators"]["LceBconv2d"] == 18
    assert 60_000 < found["measured_arena_bytes"] < found["ram_bytes"] < 128 * 1024
    assert {board["name"] for board in found["boards"] if not board["fits"]} == {"Arduino UNO R4", "WCH CH32V307-EVT"}
    assert all(board["source"] and board["fits_plain_c"] is None for board in found["boards"])
    assert "computes in float32" in found["plain_c"]["missing"]
    text = CliRunner().invoke(cli, ["micro-report", str(file)], catch_exceptions=False).output
    assert "Raspberry Pi Pico" in text
    assert f"{found['ram_bytes']:,}" in text
