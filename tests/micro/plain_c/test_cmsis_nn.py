"""Networks as plain C that call CMSIS-NN where it gives the same integers.

CMSIS-NN itself is tested where the environment variable CMSIS_NN_PATH names a folder with its source. Without, a
library of the same interface takes its place: then this proves the choice of layers, what each function is given, the
place of the buffer and the build, against CMSIS-NN's documented arithmetic, but nothing about CMSIS-NN's own code.
"""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from hybrid_tf.micro.plain_c.arithmetic import Multiplier
from tests.micro.plain_c.test_layouts import TOOLS, run
from tests.support.plain_c import RUN

pytestmark = [pytest.mark.slow, pytest.mark.compiled]

CMSIS_NN = Path(os.environ.get("CMSIS_NN_PATH", TOOLS / "cmsis_nn"))


def half_up(multiplier, sums):
    """As LCE's interpreter multiplies the sums of a convolution."""
    high = (sums * 2**multiplier.left * multiplier.bits + 2**30) >> 31
    return (high + (1 << multiplier.right >> 1)) >> multiplier.right


def test_the_roundings_differ_below_zero_only_and_without_a_shift_nowhere():
    sums = np.arange(-20_000, 20_000)
    shifted, not_shifted = Multiplier.of(0.0071), Multiplier.of(0.7)
    different = sums[half_up(shifted, sums) != shifted.away(sums)]
    assert len(different) > 0 and different.max() < 0
    assert (half_up(not_shifted, sums) == not_shifted.away(sums)).all()


@pytest.mark.parametrize(
    ("name", "function"), [("depthwise", "depthwise_conv"), ("plain-int8", "convolve")], ids=["depthwise", "plain-int8"]
)
def test_scores_with_cmsis_nn(exported, name, function, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(run C)\n"
        f"add_subdirectory({exported(name)}/network network)\n"
        f"add_executable(run {RUN})\ntarget_include_directories(run PRIVATE {exported(name)})\n"
        "target_link_libraries(run PRIVATE network)\n"
    )
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", "-DUSE_CMSIS_NN=ON", f"-DCMSIS_NN_PATH={CMSIS_NN}")
    run("cmake", "--build", tmp_path / "build")
    assert f"T arm_{function}_wrapper_s8" in run("nm", tmp_path / "build" / "run")
    assert subprocess.run([tmp_path / "build" / "run"]).returncode == 0
