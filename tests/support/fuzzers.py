"""Builds the fuzzers in runtime/fuzz (libFuzzer, with sanitizers) and runs each of them for some minutes.

    python -m tests.support.fuzzers SEEDS FOLDER [--seconds 300]

SEEDS is a folder of sound `.tflite` files. FOLDER gets the programs, the inputs that reached something new (the next
time goes on from them), and in `failed` those that crashed or took too long. Exits with 1 when there are any.
"""

import argparse
import platform
import random
import shutil
import subprocess
import sys
from pathlib import Path

from hybrid_tf.tflite.flatbuffer import parse_tflite
from tests.support.sanitized_build import FLAGS, RUNTIME, compile_objects, run

SANITIZERS = "address,undefined"
FUZZERS = {
    "options": (),
    "check_model": (),
    "delegate": ("host.cc",),
    "engine": (),
}  # with what each needs beside the runtime
ENABLE = "needs: sudo apt-get install clang libclang-rt-dev"
_LIMITS = (
    "-timeout=20",  # seconds for one input, on a busy machine
    "-rss_limit_mb=0",  # it would count what the process that started it took
    "-malloc_limit_mb=1024",
    "-len_control=0",
)


def can_fuzz() -> bool:
    """Returns whether there is a compiler with libFuzzer."""
    found = shutil.which("clang++")
    name = f"libclang_rt.fuzzer-{platform.machine()}.a"
    return bool(found) and Path(run([found, f"-print-file-name={name}"]).stdout.strip()).is_absolute()


def build_fuzzers(folder):
    """Compiles the fuzzers into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    objects = compile_objects(folder / "objects", "clang++", f"fuzzer-no-link,{SANITIZERS}")
    for name, others in FUZZERS.items():
        files = [RUNTIME / "fuzz" / source for source in (f"fuzz_{name}.cc", *others)]
        run(["clang++", *FLAGS, f"-fsanitize=fuzzer,{SANITIZERS}", *files, *objects, "-o", folder / name])


def write_corpora(seeds, folder):
    """Writes inputs to start from: a folder for each fuzzer."""
    rng = random.Random(0)
    for name in FUZZERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for path in seeds.glob("*.tflite"):
        for name in ("check_model", "engine"):
            shutil.copy(path, folder / name)
        for number, operator in enumerate(parse_tflite(path.read_bytes(), path).operators):
            (folder / "options" / f"{path.stem}{number}").write_bytes(operator.custom_options)
    for number in range(200):
        (folder / "delegate" / str(number)).write_bytes(rng.randbytes(rng.randrange(20, 300)))


def fuzz(program, corpus, failed, *limits):
    """Runs a fuzzer; returns the finished process. `limits`: until when, as options of libFuzzer."""
    failed.mkdir(parents=True, exist_ok=True)
    command = [program, corpus, *_LIMITS, *limits, f"-artifact_prefix={failed / program.name}-"]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=int, default=300, help="for each fuzzer")
    arguments = parser.parse_args()
    if not can_fuzz():
        sys.exit(f"fuzzing {ENABLE}")
    print("compiling the fuzzers: a minute or two", flush=True)
    build_fuzzers(arguments.folder)
    write_corpora(arguments.seeds, arguments.folder / "corpus")
    failures = 0
    for name in FUZZERS:
        corpus = arguments.folder / "corpus" / name
        limit = f"-max_total_time={arguments.seconds}"
        done = fuzz(arguments.folder / name, corpus, arguments.folder / "failed", limit)
        failures += done.returncode != 0
        # Its last line says how many inputs, or what failed and where that input is.
        print(f"{name}: {done.stderr[-4000:] if done.returncode else done.stderr.splitlines()[-1]}", flush=True)
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
