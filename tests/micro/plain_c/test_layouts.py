"""The folders for each tool: built on this computer, they say that their scores are those of LCE.

Where a tool cannot be had here, its part is played by what `tools/` declares anew.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from hybrid_tf.compiler.metadata import read_metadata
from hybrid_tf.micro.plain_c.export import export_plain_c
from hybrid_tf.micro.plain_c.layouts import LAYOUTS
from tests.micro.plain_c.conftest import TRAINED
from tests.support.shared import made_once

pytestmark = [pytest.mark.slow, pytest.mark.compiled]

TOOLS = Path(__file__).parent / "tools"
NETWORK = TRAINED / "resnet20-residual-taught" / "model.int8.tflite"
SAID = "the scores are those of a computer"
ARDUINO_CATEGORIES = (
    *("Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing", "Data Storage"),
    *("Data Processing", "Other"),
)


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder with every layout, the arena static in one half and given by the program in the other."""

    def make(folder):
        for place, layout in enumerate(LAYOUTS):
            export_plain_c(NETWORK, folder / layout, read_metadata(NETWORK), layout, caller_arena=place % 2 == 1)

    return made_once(tmp_path_factory, "layouts", make)


def built_with_cmake(source, build, target, **options):
    run("cmake", "-S", source, "-B", build, *(f"-D{name}={value}" for name, value in options.items()))
    run("cmake", "--build", build)
    return run(build / target)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_cmake_builds_gives_the_scores_of_a_computer(folders, place, tmp_path):
    source, target, options = (
        (folders / "cmake", "classify", {"NETWORK_EXAMPLE": "ON"}),
        (TOOLS / "esp_idf", "classify", {"FOLDER": folders / "esp-idf"}),
        (TOOLS / "zephyr", "app", {"FOLDER": folders / "zephyr"}),
    )[place]
    assert SAID in built_with_cmake(source, tmp_path, target, **options)


@pytest.mark.parametrize(
    ("layout", "sketch"), [("arduino", "classify.ino"), ("platformio", "src/main.cpp")], ids=["arduino", "platformio"]
)
def test_what_arduino_builds_gives_the_scores_of_a_computer(folders, layout, sketch, tmp_path):
    """As Arduino does it: every source below src/, which alone is on the include path; a sketch is C++."""
    source, objects = folders / layout / "src", []
    for path in source.rglob("*.c"):
        objects.append(tmp_path / f"{path.stem}.o")
        run("gcc", "-std=gnu11", "-O1", "-c", "-I", source, path, "-o", objects[-1])
    (tmp_path / "start.cpp").write_text("#include <Arduino.h>\nint main() { setup(); loop(); }\n")
    example = folders / layout / "examples" / "classify" / sketch
    options = ["-std=gnu++11", "-Wall", "-Wextra", "-I", TOOLS / "arduino", "-I", source, "-include", "Arduino.h"]
    run(
        "g++", *options, "-x", "c++", example, tmp_path / "start.cpp", "-x", "none", *objects, "-o", tmp_path / "sketch"
    )
    assert SAID in run(tmp_path / "sketch")


def test_a_board_that_computes_something_else_says_so(folders, tmp_path):
    source = tmp_path / "network"
    shutil.copytree(folders / "cmake", source)
    kernel = source / "kernels" / "int8_mean.c"
    kernel.write_text(kernel.read_text().replace("value + mean->offset", "value + mean->offset + 1"))
    run("cmake", "-S", source, "-B", tmp_path, "-DNETWORK_EXAMPLE=ON")
    run("cmake", "--build", tmp_path)
    done = subprocess.run([tmp_path / "classify"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "the scores DIFFER" in done.stdout


def test_the_arduino_library_is_as_its_specification_says(folders):
    """https://arduino.github.io/arduino-cli/latest/library-specification, format 1.5, revision 2.2."""
    folder = folders / "arduino"
    lines = (folder / "library.properties").read_text(encoding="utf-8").splitlines()
    fields = dict(line.split("=", 1) for line in lines)
    required = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"}
    assert len(fields) == len(lines)
    assert required <= fields.keys() <= required | {"includes"}
    assert all(fields.values())
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.\- ]{0,62}", fields["name"])
    assert not fields["name"].lower().startswith("arduino")
    assert re.fullmatch(r"\d+\.\d+\.\d+", fields["version"])
    assert fields["category"] in ARDUINO_CATEGORIES
    assert (folder / "src" / fields["includes"]).is_file()
    assert {path.name for path in folder.iterdir()} == {"library.properties", "src", "examples"}
    assert {path.suffix for path in (folder / "src").rglob("*") if path.is_file()} == {".c", ".h"}
    for sketch in (folder / "examples").iterdir():
        assert (sketch / f"{sketch.name}.ino").is_file()
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,62}", sketch.name)
    for path in folder.rglob("*"):
        assert re.fullmatch(r"[A-Za-z0-9_.\-]+", path.name)
        assert not path.is_symlink()
    assert not list(folder.rglob("*.exe")) + list(folder.rglob(".development"))


def test_manifests_name_what_is_there(folders):
    library = json.loads((folders / "platformio" / "library.json").read_text())
    assert (folders / "platformio" / "src" / library["headers"]).is_file()
    [example] = library["examples"]
    assert all((folders / "platformio" / example["base"] / name).is_file() for name in example["files"])
    component = yaml.safe_load((folders / "esp-idf" / "idf_component.yml").read_text())
    assert re.fullmatch(r"\d+\.\d+\.\d+", component["version"])
    module = yaml.safe_load((folders / "zephyr" / "zephyr" / "module.yml").read_text())
    assert (folders / "zephyr" / module["build"]["kconfig"]).is_file()
    assert (folders / "zephyr" / module["build"]["cmake"] / "CMakeLists.txt").is_file()
    [symbol] = re.findall(r"^config (\w+)$", (folders / "zephyr" / "Kconfig").read_text(), re.MULTILINE)
    assert f"CONFIG_{symbol}=y" in (folders / "zephyr" / "samples" / "classify" / "prj.conf").read_text()
