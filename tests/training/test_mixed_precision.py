"""Training in bfloat16: what computes in it, and that nothing of it is left behind."""

import pytest
import tensorflow as tf

from hybrid_tf.config import Config
from hybrid_tf.deploy.conversion import convert_run
from hybrid_tf.errors import HybridTFError
from hybrid_tf.models.registry import build_model
from hybrid_tf.runs.evaluation import evaluate
from hybrid_tf.training import mixed_precision
from hybrid_tf.training.mixed_precision import check_hardware, layers_in_mixed_precision
from hybrid_tf.training.session import train

pytestmark = pytest.mark.slow

SETTINGS = Config(
    network="vgg11", head="compact", width=0.125, plan="residual", shifts=True, smoke=True, mixed_precision=True
)


@pytest.mark.parametrize(("network", "head"), [("resnet20", None), ("vgg11", "paper")])
def test_layers_compute_in_bfloat16_and_keep_float32(network, head):
    with layers_in_mixed_precision(True):
        model = build_model(network, "residual", input_shape=(32, 32, 1), classes=10, width=0.125, head=head)
    assert {variable.dtype for variable in model.variables} == {tf.float32}
    found = {layer.name: layer.compute_dtype for layer in model.layers if layer.weights}
    assert found.pop("classifier") == "float32"
    assert set(found.values()) == {"bfloat16"}
    assert model.output.dtype == tf.float32
    assert build_model("resnet20", "residual").layers[1].compute_dtype == "float32"


def test_a_run_is_evaluated_and_converted_in_float32(tmp_path, monkeypatch):
    monkeypatch.setattr(mixed_precision, "_INSTRUCTIONS", {"fpu"})  # elsewhere it is slow, and right
    run = train(SETTINGS, tmp_path / "run")
    assert tf.keras.mixed_precision.global_policy().name == "float32"
    dataset = run.load_dataset()
    found = evaluate(run.load_model(), dataset.validation, run.normalisation)
    assert run.report.validation_accuracy == found["accuracy"]
    _, verification = convert_run(run.folder, samples=20)
    assert verification.passed


def test_hardware_without_it_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(mixed_precision, "_INSTRUCTIONS", {"no such instructions"})
    with pytest.raises(HybridTFError, match="--mixed-precision is slower here than without: this processor has no"):
        check_hardware()
    with pytest.raises(HybridTFError, match="leave it out"):
        train(SETTINGS, tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()
