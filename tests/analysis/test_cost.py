"""Every number of one small network, computed by hand.

image          8x8x3 float32
stem           3x3 convolution, 8 filters, and batch norm
(quantizer)    8 channels in one int32 word a pixel
stage1_conv1   binary 3x3 convolution, 16 filters, and batch norm
pool           mean over the map
classifier     dense, 5 units, with a bias
"""

import pytest

from hybrid_tf.analysis.cost import cost, file_cost
from hybrid_tf.analysis.energy import picojoules
from hybrid_tf.analysis.energy_profiles import PROFILES
from hybrid_tf.compiler.model_graph import model_graph
from tests.support.small_graphs import small_network

ON_CHIP, DRAM = PROFILES["horowitz-45nm"], PROFILES["horowitz-45nm-dram"]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    from hybrid_tf.compiler import convert

    path = tmp_path_factory.mktemp("cost") / "small.tflite"
    convert(small_network(), path)
    return path


@pytest.fixture(scope="module")
def twin():
    return cost(model_graph(small_network(binary=False)), "twin", [ON_CHIP, DRAM])


@pytest.fixture(params=["model", "file"])
def found(request, file, twin):
    if request.param == "file":
        return file_cost(file, [ON_CHIP, DRAM], twin)
    return cost(model_graph(small_network()), "model", [ON_CHIP, DRAM], twin)


def test_rows(found):
    rows = [
        (
            row.op,
            row.weights,
            row.bits,
            row.macs,
            row.weight_bytes,
            row.parameter_bytes,
            row.input_bytes,
            row.output_bytes,
        )
        for row in found.rows
    ]
    assert rows == [
        # 3*3*3*8 weights of 4 bytes, at each of 8*8 pixels; 8 biases. 8*8*3 values in, 8*8*8 out, of 4 bytes.
        ("CONV_2D", 216, 32, 216 * 64, 864, 32, 768, 2048),
        # 8*8 pixels of one word.
        ("LceQuantize", 0, 0, 0, 0, 0, 2048, 256),
        # 3*3*8*16 weights; stored as 16*3*3 words, since 8 channels take a whole one. 16 multipliers, 16 biases.
        ("LceBconv2d", 1152, 1, 1152 * 64, 576, 128, 256, 4096),
        ("MEAN", 0, 0, 0, 0, 0, 4096, 64),
        # 16*5 weights, 5 biases.
        ("FULLY_CONNECTED", 80, 32, 80, 320, 20, 64, 20),
    ]


def test_totals(found):
    assert {kind: found.weights(kind) for kind in ("binary", "int8", "full_precision")} == {
        "binary": 1152,
        "int8": 0,
        "full_precision": 216 + 80,
    }
    assert found.macs("binary") == 73_728
    assert found.macs("float32") == 13_824 + 80
    assert found.weight_bits == 32 * 296 + 1152 == 10_624


def test_peak(found):
    # The image, 768, is never overwritten. With it live, at: stem 2048; quantizer 2048 + 256; binary convolution
    # 256 + 4096; pool 4096 + 64; classifier 64 + 20. So 768 + 4352.
    assert found.peak.bytes == 5120
    assert found.peak.operation == "stage1_conv1"


def test_energy(found):
    on_chip, dram = found.energies
    # 3.7 + 0.9 pJ for each of 13,904; (0.1 + 57 / 32 * 0.1 + 0.1) / 32 pJ for each of 73,728, which is 2304 * 0.378125.
    assert on_chip.compute["float32"] == pytest.approx(63_958.4)
    assert on_chip.compute["binary"] == pytest.approx(871.2)
    assert on_chip.compute["int8"] == 0
    # 864 + 32 + 576 + 128 + 320 + 20 = 1940 bytes, 485 words of 5 pJ.
    assert on_chip.weights == pytest.approx(2425)
    # 2816 + 2304 + 4352 + 4160 + 84 = 13,716 bytes read and written, 3429 words of 5 pJ.
    assert on_chip.activations == pytest.approx(17_145)
    assert on_chip.total == pytest.approx(84_399.6)
    assert on_chip.accesses == {"on_chip": 3914, "dram": 0}
    # The same with 485 words of 640 pJ.
    assert dram.weights == pytest.approx(310_400)
    assert dram.total == pytest.approx(392_374.6)
    assert dram.accesses == {"on_chip": 3429, "dram": 485}


def test_the_twin_and_what_is_saved(found, twin):
    # (216 + 1152 + 80) * 32 bits.
    assert twin.weight_bits == 46_336
    assert found.compressions()["weights"] == pytest.approx(46_336 / 10_624)
    # 4.6 pJ for 13,904 + 73,728; 864 + 32 + 4608 + 64 + 320 + 20 = 5908 bytes of weights, 1477 words;
    # 2816 + 6144 + 4160 + 84 = 13,204 bytes of activations, 3301 words.
    assert twin.energies[0].total == pytest.approx(403_107.2 + 7385 + 16_505)
    assert found.efficiencies()["horowitz-45nm"] == pytest.approx(426_997.2 / 84_399.6)
    assert found.efficiencies()["horowitz-45nm-dram"] == pytest.approx((403_107.2 + 945_280 + 16_505) / 392_374.6)
    # The image, 768, with what the second convolution reads and writes, 2048 + 4096.
    assert twin.peak.bytes == 6912


def test_no_twin_no_ratios(file):
    alone = file_cost(file, [ON_CHIP])
    assert alone.compressions() == {"weights": None, "larq": None, "file": None}
    assert alone.efficiencies() == {"horowitz-45nm": None}
    assert alone.file_bytes == file.stat().st_size


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 pJ"), (999, "999 pJ"), (84_399.6, "84.4 nJ"), (2.5e6, "2.5 uJ"), (2.12e9, "2.12 mJ")]
)
def test_units(value, text):
    assert picojoules(value) == text
