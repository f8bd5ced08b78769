import json

import pytest

from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.graph import LayerProfile
from hybrid_tf.search.latency import read_latency_table

STEP = {"operators": "", "output": "", "blocking": "", "binary_macs": 0, "float_macs": 0}


def result(int8, steps, **changes):
    """A result of hybrid-tf-benchmark: steps of (kind of MACs or "", MACs or operator, ms), twice that when timed."""
    found = {"processor": "Cortex-A72 (aarch64)", "kernels": "neon", "threads": 1, "int8": int8}
    found["median_ms"] = sum(ms for *_, ms in steps)
    found["steps"] = [
        STEP | ({kind: what} if kind else {"operators": what}) | {"mean_ms": 2 * ms} for kind, what, ms in steps
    ]
    return found | changes


# A binary step takes 0.01 ms and 1 ns a MAC, a float one 0.02 ms and 10 ns, an int8 one 0.03 ms and 5 ns; all that has
# no MACs 0.001 ms for each step that has; 0.1 ms lie outside.
FLOAT = result(
    False,
    [
        ("binary_macs", 10_000, 0.02),
        ("binary_macs", 90_000, 0.1),
        ("float_macs", 1_000, 0.03),
        ("float_macs", 2_000, 0.04),
        ("", "ADD", 0.004),
        ("", "other", 0.1),
    ],
)
INT8 = result(True, [("float_macs", 2_000, 0.04), ("float_macs", 8_000, 0.07), ("", "ADD", 0.002), ("", "other", 0.1)])


def row(kind, macs):
    return LayerProfile("", "", "", 0, 0, (), macs, kind, "", "", 0, 0, 0, 0)


def written(tmp_path, value):
    path = tmp_path / "BENCH.json"
    path.write_text(json.dumps(value))
    return str(path)


def test_a_network_takes_what_its_steps_take(tmp_path):
    table = read_latency_table(written(tmp_path, [FLOAT, INT8]))
    assert table.processor == "Cortex-A72 (aarch64)" and table.error == pytest.approx(0, abs=1e-9)
    found = table.milliseconds([row("binary", 50_000), row("float32", 0), row("float32", 3_000), row("int8", 4_000)])
    assert found == pytest.approx(0.06 + 0.05 + 0.05 + 3 * 0.001 + 0.1)


def test_what_the_model_misses_is_said(tmp_path):
    odd = result(False, [("float_macs", 1_000, 0.1), ("float_macs", 1_000, 0.3)])
    flat = result(False, [("float_macs", 1_000, 0.1)])
    assert read_latency_table(written(tmp_path, [odd])).error == pytest.approx(0)
    assert read_latency_table(written(tmp_path, [odd, flat])).error == pytest.approx((0.5 / 3) / 0.1 - 1)


def test_a_kind_that_was_not_measured_has_no_time(tmp_path):
    table = read_latency_table(written(tmp_path, FLOAT))
    table.check(["float32", "binary"])
    with pytest.raises(HybridTFError, match="no int8 layer"):
        table.check(["float32", "int8"])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (FLOAT | {"processor": ""}, "does not say on which processor"),
        ({key: value for key, value in FLOAT.items() if key != "processor"}, "does not say on which processor"),
        ([FLOAT, INT8 | {"processor": "Cortex-A76 (aarch64)"}], "results of several processors"),
        ([FLOAT, INT8 | {"threads": 2}], "2 threads"),
        (FLOAT | {"processor": "Intel Xeon (x86_64)"}, "kernels 'neon' of another processor than Intel Xeon"),
        (FLOAT | {"kernels": "avx2"}, "kernels 'avx2' of another processor than Cortex-A72"),
        ([], "is no latency table"),
        ({"median_ms": 3}, "is no latency table"),
        (FLOAT | {"steps": []}, "is no latency table"),
        (result(False, [("", "ADD", 1)]), "no step has multiply-accumulates"),
        (result(False, [("float_macs", 1, float("nan"))]), "is no latency table"),
    ],
)
def test_another_table_is_refused(tmp_path, value, message):
    with pytest.raises(HybridTFError) as error:
        read_latency_table(written(tmp_path, value))
    assert message in str(error.value)


def test_linux_names_the_processor(tmp_path):
    from hybrid_tf_runtime.benchmark import processor

    (tmp_path / "x86").write_text("model name\t: Intel Xeon\nflags\t: avx2\n")
    (tmp_path / "pi").write_text("CPU implementer\t: 0x41\nCPU part\t: 0xd08\n\nModel\t\t: Raspberry Pi 4 Model B\n")
    (tmp_path / "none").write_text("")
    assert processor(tmp_path / "x86").startswith("Intel Xeon (")
    assert processor(tmp_path / "pi").startswith("Raspberry Pi 4 Model B 0x41 0xd08 (")
    assert processor(tmp_path / "none") == processor(tmp_path / "absent") == ""
