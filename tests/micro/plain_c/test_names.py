"""Networks with names of their own."""

import subprocess

import pytest

from hybrid_tf.compiler.metadata import read_metadata
from hybrid_tf.errors import HybridTFError
from hybrid_tf.micro.plain_c.export import export_plain_c
from hybrid_tf.micro.plain_c.layouts import check_name, library_name
from tests.micro.plain_c.test_layouts import run

NAMES = {"birds": "depthwise", "boats_2": "half-width"}

CHECK = """#include <string.h>
#include "{folder}/cases.h"
#include "{name}.h"
int check_{name}(void);
int check_{name}(void) {{
  int image, different = 0;
  for (image = 0; image < CASES; ++image) {{
    int8_t scores[{NAME}_CLASSES];
    {name}_run(case_images[image], scores);
    different += memcmp(scores, case_scores[image], {NAME}_CLASSES) != 0;
  }}
  return different;
}}
"""


@pytest.mark.slow
@pytest.mark.compiled
def test_two_networks_run_in_one_program(exported, tmp_path):
    sources, includes = [], []
    for name, network in NAMES.items():
        folder, path = tmp_path / name, exported(network) / "model.int8.tflite"
        export_plain_c(path, folder, read_metadata(path), name=name)
        check = tmp_path / f"check_{name}.c"
        check.write_text(CHECK.format(name=name, NAME=name.upper(), folder=exported(network)))
        sources += [check, folder / f"{name}.c", *sorted(folder.glob("kernels/*.c"))]
        includes += ["-I", folder]
    calls = " + ".join(f"check_{name}()" for name in NAMES)
    declared = "".join(f"int check_{name}(void);\n" for name in NAMES)
    (tmp_path / "main.c").write_text(f"{declared}int main(void) {{ return {calls}; }}\n")
    program = tmp_path / "both"
    run("gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", *includes, tmp_path / "main.c", *sources, "-o", program)
    assert subprocess.run([program]).returncode == 0
    symbols = {line.split()[-1] for line in run("nm", "-g", program).splitlines()}
    assert {"birds_run", "boats_2_run", "birds_nn_int8_conv", "boats_2_nn_int8_conv"} <= symbols
    assert not [symbol for symbol in symbols if symbol.startswith(("nn_", "network_"))]


@pytest.mark.parametrize(
    "name", ["Birds", "2birds", "my birds", "birds_", "a__b", "", "b" * 64, "nn", "stdint", "arduino_x"]
)
def test_names_that_c_or_a_tool_would_not_take_are_refused(name):
    with pytest.raises(HybridTFError, match="the name"):
        check_name(name)


def test_names_of_libraries_are_names_everywhere():
    assert library_name('ResNet-20 "x" é residual') == "resnet_20_x_residual"
    assert library_name("20 ü") == "network_20"
    assert len(library_name("a" * 100)) == 63
