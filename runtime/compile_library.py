"""Compiles src/ into one shared library with whatever C++17 compiler there is: $CXX, c++, g++, clang++ or ziglang.

python compile_library.py [LIBRARY.so]
"""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "src"
# Of shared libraries, by what compilers call systems. Others are as Linux.
SUFFIXES = {"__APPLE__": ".dylib", "_WIN32": ".dll"}

# Products and sums stay apart (-ffp-contract=off): results must not depend on the compiler.
COMPILE_FLAGS = """
    -std=c++17 -O3 -ffp-contract=off -fPIC -fvisibility=hidden -fvisibility-inlines-hidden -fno-exceptions -fno-rtti
    -pthread -Wall -Wextra
""".split()  # noqa: SIM905
COMPILE_FLAGS += ["-DHYBRID_TF_BUILDS_LIBRARY", "-I", str(SOURCES), "-I", str(HERE / "include")]
AVX512 = ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mfma"]
# Only these files may use more than the architecture's base; the processor is asked before they run. Those for ARM need
# no flags. The same table stands in CMakeLists.txt.
X86_64_FLAGS = {
    "avx2.cc": ["-mavx2", "-mfma"],
    "avx512.cc": AVX512,
    "avx512vpopcnt.cc": [*AVX512, "-mavx512vpopcntdq", "-mavx512vnni"],
}
_INSTRUCTION_SETS = {"x86_64": "x86", "aarch64": "arm"}  # machine: its folder in src/kernels
# A device may have an older C++ library than this machine, or none: ours is inside. -s strips.
STATIC = ["-static-libstdc++", "-static-libgcc"]


def version() -> str:
    """Returns the version of the package and the library."""
    return re.search(r'VERSION "(.+)"', (SOURCES / "common" / "version.h").read_text())[1]


def compile_library(library: Path) -> None:
    """Compiles every source and links them into `library`, as many at a time as there are processors.

    Raises:
        SystemExit: when there is no compiler or it fails, with what to do or what it said.
    """
    compiler = find_compiler()
    macros = _macros(compiler)
    flags_of = X86_64_FLAGS if "__x86_64__" in macros else {}
    windows, apple = "_WIN32" in macros, "__APPLE__" in macros
    general = [flag for flag in COMPILE_FLAGS if not (windows and flag == "-fPIC")]
    sources = sorted(SOURCES.rglob("*.cc"))
    with tempfile.TemporaryDirectory() as folder:
        objects = [Path(folder) / object_name(source) for source in sources]

        def compile_one(source: Path, output: Path) -> None:
            flags = [*general, *flags_of.get(source.name, [])]
            _run([*compiler, *flags, "-c", str(source), "-o", str(output)])

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(compile_one, sources, objects))
        # Elsewhere the sources say what is exported, and Windows' compiler writes another file beside the library.
        exports = [] if windows or apple else ["-pthread", f"-Wl,--version-script={HERE / 'exports.txt'}"]
        linked = Path(folder) / library.name
        link = [*compiler, "-shared", "-s", *exports, *map(str, objects), "-o", str(linked)]
        library.parent.mkdir(parents=True, exist_ok=True)
        if subprocess.run([*link, *STATIC], capture_output=True).returncode:
            _run(link)  # some systems have no static C++ library; theirs is not older than itself
        library.unlink(missing_ok=True)  # never write into a file that a running interpreter has mapped
        shutil.move(linked, library)


def kernel_sources(machine: str) -> list[Path]:
    """Returns the sources of the kernels on a machine, such as x86_64. They need no other sources."""
    kernels = SOURCES / "kernels"
    folders = (kernels, kernels / _INSTRUCTION_SETS.get(machine, ""))
    return sorted({path for folder in folders for path in folder.glob("*.cc")})


def object_name(source: Path) -> str:
    """Returns a name for the object file of a source; folders of src/ have files of the same name."""
    return "-".join(source.relative_to(SOURCES).with_suffix(".o").parts)


def find_compiler() -> list[str]:
    """Returns the command of the C++ compiler."""
    if os.environ.get("CXX"):
        return shlex.split(os.environ["CXX"])
    for name in ("c++", "g++", "clang++"):
        if shutil.which(name):
            return [name]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "c++"]
    sys.exit(
        "hybrid-tf-runtime is compiled on this machine and needs a C++17 compiler; there is no c++, g++ or clang++. "
        "On Debian, Ubuntu and Raspberry Pi OS: sudo apt-get install g++. Elsewhere install one, or name it in CXX."
    )


def library_path() -> Path:
    """Returns where the package has its library, by what the compiler compiles for."""
    macros = _macros(find_compiler())
    suffix = next((suffix for macro, suffix in SUFFIXES.items() if macro in macros), ".so")
    return HERE / "hybrid_tf_runtime" / f"libhybrid_tf_runtime{suffix}"


def _macros(compiler: list[str]) -> set[str]:
    """Returns the names that say what a compiler compiles for, which need not be what it runs on."""
    lines = _run([*compiler, "-dM", "-E", "-x", "c++", os.devnull]).splitlines()
    return {line.split()[1] for line in lines if line.startswith("#define")}


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        sys.exit(f"cannot run the C++ compiler {command[0]}: {error.strerror}; name another one in CXX")
    if done.returncode:
        sys.exit(f"the C++ compiler failed:\n{shlex.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    compile_library(Path(sys.argv[1]) if len(sys.argv) > 1 else library_path())
