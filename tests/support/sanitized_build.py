"""Builds the runtime with sanitizers, and runs Python with such a build in the place of the installed one.

    python -m tests.support.sanitized_build memory|threads -m MODULE|SCRIPT [ARGUMENT ...]

Needs g++.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hybrid_tf_runtime import kernels
from runtime.compile_library import COMPILE_FLAGS, SOURCES, X86_64_FLAGS, kernel_sources, object_name

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "runtime"

FLAGS = [flag for flag in COMPILE_FLAGS if flag != "-O3"] + ["-O1", "-g1", "-Werror", "-fno-sanitize-recover=all"]
SECONDS = 600  # that a compilation, or a run in the tests, may take on a busy machine
# AddressSanitizer and UndefinedBehaviorSanitizer, or ThreadSanitizer, and the library that must be loaded first.
SANITIZERS = {"memory": ("address,undefined", "libasan.so"), "threads": ("thread", "libtsan.so")}


def run(command, **options):
    """Runs a command; fails with what it said when it fails."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=SECONDS, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    return done


def compile_objects(folder, compiler, sanitizers):
    """Compiles every source of the runtime into `folder`: with sanitizers, but for kernels that cannot run here.

    Those are the dearest to compile, and nothing calls them; the library has to be whole.
    """
    folder.mkdir(exist_ok=True)
    special = X86_64_FLAGS if platform.machine() == "x86_64" else {}
    idle = {name for name in special if Path(name).stem not in kernels()}

    def compile_one(source):
        output = folder / object_name(source)
        checked = ["-O0"] if source.name in idle else [f"-fsanitize={sanitizers}"]
        run([compiler, *FLAGS, *checked, *special.get(source.name, []), "-c", source, "-o", output])
        return output

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, sorted(SOURCES.rglob("*.cc"))))


def build_package(folder, kind):
    """Copies the Python package into `folder`, with a library built with g++ and sanitizers."""
    sanitizers, _ = SANITIZERS[kind]
    objects = compile_objects(folder / "objects", "g++", sanitizers)
    package = shutil.copytree(RUNTIME / "hybrid_tf_runtime", folder / "hybrid_tf_runtime")
    library = package / "libhybrid_tf_runtime.so"
    library.unlink(missing_ok=True)
    exports = f"-Wl,--version-script={RUNTIME / 'exports.txt'}"
    run(["g++", "-shared", "-pthread", f"-fsanitize={sanitizers}", exports, *objects, "-o", library])


class SanitizedPackage:
    """The package that `build_package` has made in `folder`.

    Attributes:
        objects: what the library is made of.
        kernels: those of them that are kernels.
    """

    def __init__(self, folder, kind):
        self.folder = folder
        self.sanitizers, runtime_library = SANITIZERS[kind]
        self.objects = sorted((folder / "objects").glob("*.o"))
        self.kernels = [folder / "objects" / object_name(source) for source in kernel_sources(platform.machine())]
        # First of all libraries: the sanitizer's, and the C++ library that it looks into.
        self._preload = f"{_library(runtime_library)} {_library('libstdc++.so')}"

    def python(self, *arguments, **options):
        """Runs Python with the library, from the repository's root; returns the finished process.

        `options` are those of subprocess.run.
        """
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.folder),
            "LD_PRELOAD": self._preload,
            "ASAN_OPTIONS": "detect_leaks=0",  # Python leaves memory to the system when it ends
            "TSAN_OPTIONS": "ignore_noninstrumented_modules=1 exitcode=66",
        }
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(command, text=True, env=environment, cwd=ROOT, **options)

    def compile_library(self, source, output):
        """Compiles one more file as a shared library in the same way."""
        flags = [*FLAGS, "-fvisibility=default", f"-fsanitize={self.sanitizers}"]
        run(["g++", *flags, "-shared", "-pthread", source, "-o", output])


def _library(name):
    return run(["g++", f"-print-file-name={name}"]).stdout.strip()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        build_package(Path(temporary), sys.argv[1])
        package = SanitizedPackage(Path(temporary), sys.argv[1])
        sys.exit(package.python(*sys.argv[2:]).returncode)
