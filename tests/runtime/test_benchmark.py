import json
import sys

import pytest

from hybrid_tf_runtime import benchmark, kernels


@pytest.fixture
def command(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hybrid-tf-benchmark", *map(str, arguments)])
        try:
            benchmark.main()
        except SystemExit as stopped:
            return stopped.code, *capsys.readouterr()
        return 0, *capsys.readouterr()

    return run


def test_numbers_hang_together(command, model_file):
    code, out, _ = command(model_file, "--runs", 20, "--per-op", "--json", "--threads", 2, "--kernels", "portable")
    assert code == 0
    found = json.loads(out)
    assert (found["kernels"], found["threads"], found["runs"], found["fusion"]) == ("portable", 2, 20, True)
    assert found["bytes"] == model_file.stat().st_size
    assert found["processor"] == benchmark.processor() and found["int8"] is False
    assert 0 < found["min_ms"] <= found["median_ms"] <= found["p95_ms"]
    assert 0 <= found["network_memory"] < found["peak_memory"]
    *steps, outside = found["steps"]
    assert outside["output"] == "outside of the delegate"
    assert all(step["mean_ms"] > 0 for step in steps)
    assert sum(step["binary_macs"] for step in steps) == binary_macs(model_file)


def binary_macs(path):
    from hybrid_tf.analysis.inspection import inspect_file

    return inspect_file(path).macs("binary")


def test_a_table_of_steps(command, model_file):
    code, out, _ = command(model_file, "--runs", 5, "--per-op", "--no-fusion")
    assert code == 0
    first, second, third, header, *rows = out.splitlines()
    assert first == (f"{model_file}: {model_file.stat().st_size:,} bytes, kernels {kernels()[0]}, no fusion, threads 1")
    assert second.startswith("median ")
    assert "peak memory" in third
    assert header.split()[:2] == ["operators", "output"]
    assert len(rows) > 4
    assert all(row.endswith(" %") for row in rows)


def test_mistakes_are_one_line(command, model_file):
    code, _, _ = command("missing.tflite")
    assert code == "error: cannot read missing.tflite: No such file or directory"
    code, _, _ = command(model_file, "--kernels", "portabel")
    assert code.startswith("error: unknown kernels 'portabel': did you mean 'portable'?")
    code, _, error = command(model_file, "--runs", "many")
    assert code == 2
    assert "argument --runs: invalid whole number from 1 value: 'many'" in error
