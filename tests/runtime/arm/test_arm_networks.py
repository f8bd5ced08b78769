"""Instructions of whole networks on emulated 64-bit ARM are those of hybrid_tf/pretrained/measured.json."""

import pytest

from benchmarks.counting.emulated_networks import EmulatedNetworks
from hybrid_tf.pretrained import FOLDER
from hybrid_tf.pretrained.measured import read_measured
from runtime.emulation import arm

pytestmark = [
    pytest.mark.slow,
    pytest.mark.emulated,
    pytest.mark.network,
    pytest.mark.skipif(bool(arm.missing()), reason=arm.missing()),
]
DIFFERENCE = 0.1  # a change of the runtime that is larger asks for a new record


@pytest.mark.parametrize(("name", "engine"), [("resnet20-xnor", "ours"), ("vgg11-full_precision", "litert")])
def test_the_record_has_what_is_counted(name, engine, wheels, tmp_path):
    emulated = EmulatedNetworks(tmp_path, wheels["aarch64"])
    (row,) = [row for row in read_measured().files if (row.name, row.file) == (name, "model.int8.tflite")]
    found = emulated.instructions("cortex-a76", engine, FOLDER / name / row.file)
    assert found == pytest.approx(row.instructions["cortex-a76"], rel=DIFFERENCE)
