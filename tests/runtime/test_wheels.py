import json
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hybrid_tf.runs.names import FILE
from hybrid_tf_runtime import Interpreter, delegate_path, metadata
from runtime.wheels import TARGETS, faults_of
from tests.runtime.conftest import wheel
from tests.support.extent import EVERYTHING

pytestmark = [pytest.mark.slow, pytest.mark.compiled]

RUNTIME = Path(__file__).parents[2] / "runtime"
MACHINES = ("x86_64", "aarch64")
DEMO = Path(__file__).parents[2] / "runs" / "demo" / FILE


@pytest.mark.parametrize("machine", MACHINES)
def test_a_wheel_holds_the_package_and_the_library(wheels, machine):
    with zipfile.ZipFile(wheels[machine]) as archive:
        names = set(archive.namelist())
        (metadata,) = (archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
        (tags,) = (archive.read(name).decode() for name in names if name.endswith(".dist-info/WHEEL"))
    package = {f"hybrid_tf_runtime/{path.name}" for path in (RUNTIME / "hybrid_tf_runtime").glob("*.py")}
    files = {name for name in names if ".dist-info/" not in name}
    assert files == package | {"hybrid_tf_runtime/libhybrid_tf_runtime.so"}
    assert any(name.endswith("/LICENSE") for name in names)
    headers = Parser().parsestr(metadata)
    required = [text for text in headers.get_all("Requires-Dist") if "extra ==" not in text]
    assert sorted(re.match(r"[\w-]+", text)[0] for text in required) == ["ai-edge-litert", "numpy"]
    assert Parser().parsestr(tags).get_all("Tag") == [f"py3-none-manylinux_2_17_{machine}"]
    assert Parser().parsestr(tags)["Root-Is-Purelib"] == "false"


def test_the_library_needs_nothing_new_and_shows_nothing_else(wheels):
    for machine in MACHINES:
        assert faults_of(wheels[machine], machine) == []


@pytest.mark.sweep
@pytest.mark.skipif(not EVERYTHING, reason="each takes a minute: make sweep")
@pytest.mark.parametrize("machine", sorted(set(TARGETS) - set(MACHINES)))
def test_a_wheel_for_a_machine_without_litert_requires_numpy_alone(machine):
    made = wheel(machine)
    assert faults_of(made, machine) == []
    with zipfile.ZipFile(made) as archive:
        names = archive.namelist()
        (headers,) = (archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
    required = [text for text in Parser().parsestr(headers).get_all("Requires-Dist") if "extra ==" not in text]
    assert [re.match(r"[\w-]+", text)[0] for text in required] == ["numpy"]
    suffix = {"win_amd64": ".dll"}.get(machine, ".dylib" if machine.startswith("macosx") else ".so")
    assert f"hybrid_tf_runtime/libhybrid_tf_runtime{suffix}" in names


def test_a_library_of_another_system_is_found(wheels):
    for machine in ("armv7l", "win_amd64", "macosx_arm64"):
        faults = "; ".join(faults_of(wheels["x86_64"], machine))
        assert "is for EM_X86_64" in faults or "is of another system" in faults


def test_faults_are_found(wheels, tmp_path):
    """A library that this machine's own compiler links as it likes has every fault that wheels must not have."""
    source, library, wheel = (tmp_path / name for name in ("a.cc", "libhybrid_tf_runtime.so", "faulty.whl"))
    source.write_text("#include <iostream>\nvoid greet() { std::cout << std::string(10, ' '); }\n")
    compiler = shutil.which("g++") or pytest.skip("needs g++: sudo apt-get install g++")
    subprocess.run([compiler, "-shared", "-fPIC", source, "-o", library], check=True)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(library, f"hybrid_tf_runtime/{library.name}")
        archive.writestr("large", np.random.default_rng(0).bytes(1_000_000))
    faults = "; ".join(faults_of(wheel, "aarch64"))
    for fault in (
        "not less than 1,000,000",
        "EM_X86_64",
        "not stripped",
        "needs libstdc++.so.6",
        "GLIBCXX_3.4",
        "exports _Z5greetv",
        "lacks hybrid_tf_runtime_version",
    ):
        assert fault in faults


def run(programs, *command):
    environment = {"PATH": str(programs), "PYTHONWARNINGS": "error::ImportWarning"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=programs)


@pytest.mark.network
def test_it_works_where_tensorflow_is_not(fresh_environment, model_file, images, tmp_path):
    code = "import importlib.util as u; print([bool(u.find_spec(name)) for name in ('tensorflow', 'hybrid_tf')])"
    assert run(fresh_environment, fresh_environment / "python", "-c", code).stdout.strip() == "[False, False]"
    image = tmp_path / "image.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)).save(image)
    for model in (model_file, DEMO) if DEMO.exists() else (model_file,):
        done = run(fresh_environment, fresh_environment / "hybrid-tf-classify", model, image, "--json")
        assert done.returncode == 0, done.stderr
        row = json.loads(done.stdout)
        assert row["image"] == str(image)
        assert 0 < row["top"][0]["probability"] <= 1
        done = run(
            fresh_environment, fresh_environment / "hybrid-tf-benchmark", model, "--json", "--per-op", "--runs", "5"
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["median_ms"] > 0


@pytest.mark.network
def test_the_readme_works_there(fresh_environment, model_file, images, tmp_path):
    """Both programs of the README, run as they stand."""
    text = (RUNTIME / "README.md").read_text()
    programs = [block.partition("```")[0] for block in text.split("```python\n")[1:]]
    assert len(programs) == 2
    shutil.copy(model_file, tmp_path / "model.tflite")
    np.save(tmp_path / "images.npy", images)
    for program in programs:
        code = f"import numpy\nimages = numpy.load('images.npy')\n{program}\nassert interpreter"
        done = subprocess.run([fresh_environment / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_the_same_sources_compile_with_cmake(tmp_path):
    from elftools.elf.elffile import ELFFile

    from runtime.wheels import EXPORTS, exports_of

    cmake = shutil.which("cmake") or pytest.skip("needs CMake: sudo apt-get install cmake")
    cross = "aarch64-linux-gnu-g++"
    # Not optimised, behind the flags of the file: how fast it is shows elsewhere, and this takes half as long.
    compile_one = "<CMAKE_CXX_COMPILER> <DEFINES> <INCLUDES> <FLAGS> -O0 -o <OBJECT> -c <SOURCE>"
    machines = {"x86_64": []}
    if shutil.which(cross):
        machines["aarch64"] = [
            f"-DCMAKE_CXX_COMPILER={cross}",
            "-DCMAKE_SYSTEM_NAME=Linux",
            "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
        ]
    for machine, options in machines.items():
        build = tmp_path / machine
        options.append(f"-DCMAKE_CXX_COMPILE_OBJECT={compile_one}")
        subprocess.run([cmake, "-S", RUNTIME, "-B", build, *options], check=True, capture_output=True)
        done = subprocess.run([cmake, "--build", build, "--parallel", "2"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        with (build / "libhybrid_tf_runtime.so").open("rb") as file:
            assert exports_of(ELFFile(file)) == EXPORTS


def test_c_programs_find_the_package(tmp_path, model_file):
    """An installation by CMake, the example built with it and with pkg-config's flags, and a picture classified."""
    cmake = shutil.which("cmake") or pytest.skip("needs CMake: sudo apt-get install cmake")
    library, prefix = Path(delegate_path()), tmp_path / "installed"
    build = ["-S", RUNTIME, "-B", tmp_path / "build", f"-DCMAKE_INSTALL_PREFIX={prefix}"]
    # The library is made already; this is about what is around it.
    build.append(f"-DCMAKE_CXX_COMPILE_OBJECT={cmake} -E touch <OBJECT>")
    build.append(f"-DCMAKE_CXX_CREATE_SHARED_LIBRARY={cmake} -E copy {library} <TARGET>")
    subprocess.run([cmake, *build], check=True, capture_output=True)
    subprocess.run([cmake, "--build", tmp_path / "build", "--target", "install"], check=True, capture_output=True)

    project = tmp_path / "project"
    project.mkdir()
    (project / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(example C)\nset(CMAKE_C_STANDARD 99)\n"
        "find_package(hybrid_tf_runtime 0.1 REQUIRED)\n"
        f"add_executable(classify {RUNTIME / 'examples' / 'classify.c'})\n"
        "target_compile_options(classify PRIVATE -pedantic -Wall -Wextra -Werror)\n"
        "target_link_libraries(classify hybrid_tf::hybrid_tf_runtime)\n"
    )
    configure = [cmake, "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={prefix}"]
    subprocess.run(configure, check=True, capture_output=True)
    done = subprocess.run([cmake, "--build", project / "build"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = (prefix / "lib" / "pkgconfig" / "hybrid_tf_runtime.pc").read_text()
    assert f"prefix={prefix}\n" in text
    assert "Libs: -L${prefix}/lib -lhybrid_tf_runtime\n" in text

    pixels = np.random.default_rng(0).integers(0, 256, (1, *Interpreter(model_file).input_shapes[0][1:3], 3), np.uint8)
    picture = tmp_path / "picture.ppm"
    Image.fromarray(pixels[0]).save(picture)
    done = subprocess.run([project / "build" / "classify", model_file, picture], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = metadata(model_file)
    image = (pixels.astype(np.float32) - np.float32(found.mean)) / np.float32(found.std)
    [scores] = Interpreter(model_file, engine="standalone").predict(image)
    name, score = done.stdout.split()
    assert (name, np.float32(score)) == (found.class_names[scores.argmax()], scores.max())
    done = subprocess.run([project / "build" / "classify", model_file, model_file], capture_output=True, text=True)
    assert (done.returncode, "a picture is a PPM of" in done.stderr) == (1, True)


def test_the_interface_from_c99(tmp_path, model_file):
    """Two threads, damaged files, and a library that is unloaded and loaded again."""
    compiler = shutil.which("gcc") or pytest.skip("needs gcc: sudo apt-get install gcc")
    program, source = tmp_path / "c_interface_test", Path(__file__).with_name("c_interface_test.c")
    flags = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-O1", "-pthread", "-I", RUNTIME / "include"]
    subprocess.run([compiler, *flags, source, "-o", program, "-ldl"], check=True)
    done = subprocess.run([program, model_file, delegate_path()], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    interpreter = Interpreter(model_file, engine="standalone")
    [scores] = interpreter.predict(np.ones(interpreter.input_shapes[0], np.float32))
    np.testing.assert_array_equal(np.float32(done.stdout.split()), scores)


def test_without_a_compiler_the_message_says_what_to_install(tmp_path):
    code = "from compile_library import compile_library; compile_library(__import__('pathlib').Path('x.so'))"
    command = [sys.executable, "-c", f"import importlib.util; importlib.util.find_spec = lambda name: None; {code}"]
    done = subprocess.run(command, cwd=RUNTIME, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 1
    assert "sudo apt-get install g++" in done.stderr
    assert "Traceback" not in done.stderr
    done = subprocess.run(
        command, cwd=RUNTIME, env={"PATH": "", "CXX": "no-such-compiler"}, capture_output=True, text=True
    )
    assert "cannot run the C++ compiler no-such-compiler: No such file or directory" in done.stderr
