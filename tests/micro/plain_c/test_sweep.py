"""Generated networks as plain C: every option of every operator, against the reference in numpy that LCE confirms."""

import numpy as np
import pytest

from hybrid_tf.compiler.metadata import Metadata
from hybrid_tf.micro.plain_c.export import export_plain_c
from runtime.emulation import cortex_m
from tests.support import extent
from tests.support.graph_builder import build_file
from tests.support.plain_c import run_on_cortex_m, run_on_host, write_cases
from tests.support.sweep_plain_c import PlainCase

pytestmark = [pytest.mark.slow, pytest.mark.compiled, pytest.mark.sweep]


def exported(index, folder):
    """The name of a generated network, whose plain C and case lie in `folder`."""
    case = PlainCase(7, index)
    path = folder / "model.tflite"
    path.write_bytes(build_file([case.graph]))
    image, result = case.graph.inputs[0].array, case.result.array
    names, numbers = tuple(map(str, range(result.size))), np.zeros(image.shape[-1])
    export_plain_c(path, folder / "network", Metadata(names, tuple(numbers), tuple(numbers + 1)))
    write_cases(folder, image, result)
    return case.name


@pytest.mark.parametrize("index", range(extent.count(8, 200)))
def test_generated_networks_are_exact(index, tmp_path):
    name = exported(index, tmp_path)
    assert run_on_host(tmp_path, tmp_path) == 0, name


@pytest.mark.emulated
@pytest.mark.skipif(bool(cortex_m.missing()), reason=cortex_m.missing())
@pytest.mark.parametrize("index", range(extent.count(4, 100)))
def test_generated_networks_are_exact_in_vectors(index, tmp_path):
    name = exported(index, tmp_path)
    assert run_on_cortex_m(tmp_path, cortex_m.CORES["cortex-m55"], tmp_path) == 0, name
