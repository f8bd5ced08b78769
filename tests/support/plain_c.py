"""Networks as plain C, with images and what LCE's interpreter makes of them."""

import subprocess
from pathlib import Path

import numpy as np
from larq_compute_engine.tflite.python.interpreter import Interpreter

from hybrid_tf.compiler.metadata import read_metadata
from hybrid_tf.micro.plain_c.export import export_plain_c
from hybrid_tf.tflite.flatbuffer import parse_tflite
from runtime.emulation import cortex_m

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror"]
SANITIZED = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
RUN = Path(__file__).parents[1] / "micro" / "plain_c" / "run_network.c"


def write_exported(path, folder, count=20):
    """Exports a file into `folder`/network, with `folder`/cases.h: images, and LCE's scores of them."""
    export_plain_c(path, folder / "network", read_metadata(path))
    write_cases(folder, *lce_cases(path.read_bytes(), count))


def write_cases(folder, images, scores):
    """Writes `folder`/cases.h for run_network.c: int8 images [N, ...] and the scores [N, ...] that are right."""
    count = len(images)
    arrays = {"case_images": images.reshape(count, -1), "case_scores": scores.reshape(count, -1)}
    text = [f"#include <stdint.h>\nenum {{ CASES = {count} }};\n"]
    for name, array in arrays.items():
        rows = ",\n".join("{" + ",".join(map(str, row)) + "}" for row in array)
        text.append(f"static const int8_t {name}[CASES][{array.shape[1]}] = {{{rows}}};\n")
    (folder / "cases.h").write_text("".join(text))


def lce_cases(content, count):
    """Returns int8 images, half of them smooth, half of them noise, and the int8 scores that LCE has for them."""
    file = parse_tflite(content, "the file")
    quantize, dequantize = file.operators[0], file.operators[-1]
    image, scores = file.tensors[quantize.outputs[0]], file.tensors[dequantize.inputs[0]]
    rng = np.random.default_rng(1)
    images = rng.integers(-128, 128, (count, *image.shape[1:]))
    smooth = rng.normal(0, 8, (count // 2, *image.shape[1:])).cumsum(1).cumsum(2)
    images[: count // 2] = np.clip(smooth, -128, 127)
    floats = ((images - image.zero_points[0]) * np.float32(image.scales[0])).astype(np.float32)
    found = Interpreter(content, num_threads=1, use_indirect_bgemm=True).predict(floats)
    steps = found / np.float32(scores.scales[0]) + scores.zero_points[0]
    assert np.abs(steps - np.rint(steps)).max() < 1e-3
    return images.astype(np.int8), np.rint(steps).astype(np.int8)


def c_sources(folder):
    """Returns the C files of an exported folder."""
    return [folder / "network" / "network.c", *sorted((folder / "network" / "kernels").glob("*.c"))]


def run_on_host(folder, scratch, flags=SANITIZED):
    """Returns the number of images whose scores differ from LCE's, computed on this computer under sanitizers."""
    program = scratch / "host"
    includes = ["-I", folder, "-I", folder / "network"]
    command = ["gcc", *STRICT, *flags, *includes, RUN, *c_sources(folder), "-o", program]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ran = subprocess.run([program], capture_output=True, text=True)
    assert not ran.stderr, ran.stderr
    return ran.returncode


def compiled_objects(folder, core, scratch):
    """Returns the objects of an exported folder, compiled for a Cortex-M."""
    return cortex_m.compile_objects(scratch, core, c_sources(folder), ["-std=c99", "-O2"])


def run_on_cortex_m(folder, core, scratch):
    """Returns the number of images whose scores differ from LCE's, computed on an emulated Cortex-M."""
    compiled = compiled_objects(folder, core, scratch)
    compiled += cortex_m.compile_objects(scratch, core, [RUN], ["-O2", "-I", folder, "-I", folder / "network"])
    done = cortex_m.emulate(cortex_m.link(compiled, core, scratch / "program.elf"), core)
    assert not done.stderr, done.stderr
    return done.returncode
