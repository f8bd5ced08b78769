"""Lint has nothing to say about the registered networks, under any plan."""

import pytest
from small_networks import randomise
from unchecked import converted

from hybrid_tf.converters import lint_model
from hybrid_tf.models import build_model, network, network_names

PLANS = ("full_precision", "xnor", "residual", "residual+sections=2,3", "sections=2,3")
# The 16 to 64 channels of a CIFAR ResNet are judged as they are. A quarter of the others' 64 to 4096 are still full
# words or half ones, and quick to make.
WIDTHS = {name: 1.0 if network(name).input_size == 32 else 0.25 for name in network_names()}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", network_names())
def test_nothing_is_reported_of_a_registered_network(name, plan):
    assert lint_model(build_model(name, plan, width=WIDTHS[name])) == []


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize(("name", "head"), [("resnet20", None), ("vgg11", "paper"), ("vgg11", "compact")])
def test_nothing_is_reported_of_its_file(name, head, plan, tmp_path):
    model = randomise(build_model(name, plan, width=WIDTHS[name], head=head))
    assert lint_model(model) == []
    assert converted(model, tmp_path / "model.tflite")[1] == []
