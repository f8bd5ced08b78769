import numpy as np
import pytest

from hybrid_tf.analysis.summary import summarise
from hybrid_tf.compiler import lint_model
from hybrid_tf.errors import HybridTFError
from hybrid_tf.models.layers import is_binary, weight_layers
from hybrid_tf.models.registry import build_model, find_network
from hybrid_tf.models.spec import NetworkSpec
from tests.support.extent import networks_and_plans
from tests.support.small_networks import PLANS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size", "classes", "parameters"),
    [
        ("resnet20", 32, 10, 272_474),  # 0.27 M in the publication, which rounds
        ("resnet18", 224, 1000, 11_689_512),
        ("resnet34", 224, 1000, 21_797_672),
        ("vgg11", 224, 1000, 132_863_336),
        ("vgg16", 224, 1000, 138_357_544),
        ("vgg19", 224, 1000, 143_667_240),
    ],
)
def test_full_precision_networks_have_the_published_parameters(name, size, classes, parameters):
    model = NetworkSpec(name, "full_precision", input_shape=(size, size, 3), classes=classes).build()
    assert sum(weight.shape.num_elements() for weight in model.trainable_weights) == parameters


@pytest.mark.parametrize(
    ("name", "published"), [("resnet20", 0.27), ("resnet32", 0.46), ("resnet44", 0.66), ("resnet56", 0.85)]
)
def test_cifar_resnets_have_the_published_weights(name, published):
    layers = weight_layers(build_model(name, "full_precision"))
    assert round(sum(layer.kernel.shape.num_elements() for layer in layers) / 1e6, 2) == published


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plan", "full_precision", "binary", "compression"),
    [
        ("full_precision", 39_302_848, 0, 1.0),
        ("xnor", 411_328, 38_891_520, 24.16),
        ("residual", 583_360, 38_891_520, 21.85),
    ],
)
def test_vgg19_has_the_weights_of_the_design(plan, full_precision, binary, compression):
    found = summarise(NetworkSpec("vgg19", plan, classes=100)).to_dict()
    assert found["weights"]["full_precision"] == full_precision
    assert found["weights"]["binary"] == binary
    assert round(found["compression"], 2) == compression


@pytest.mark.slow
def test_compact_head():
    summary = summarise(NetworkSpec("vgg19", "residual", classes=100, head="compact"))
    assert summary.twin_weights == 20_070_080
    assert summary.weights("full_precision") == 1728 + 172_032 + 51_200  # first convolution, shortcuts, classifier


@pytest.mark.sweep
@pytest.mark.parametrize("network_and_plan", networks_and_plans([*PLANS, "sections=2,3"]))
def test_a_plan_makes_its_stages_binary_and_lint_has_nothing_to_say(network_and_plan):
    name, plan = network_and_plan
    chosen = find_network(name)
    # Full width is slow to make, so the channels of a CIFAR ResNet are judged as they are in the smallest alone: a
    # quarter of its 16 to 64 are no full words. A quarter of 64 to 4096 are.
    model = build_model(name, plan, width=1.0 if name == "resnet20" else 0.25, classes=7)
    assert model.output_shape == (None, 7)
    binary = {layer.name for layer in weight_layers(model) if is_binary(layer)}
    stages = ("2", "3") if "sections" in plan else chosen.stages(chosen.heads[0])
    expected = {layer for layer, stage in chosen.layers(chosen.heads[0]).items() if stage in stages}
    if plan == "full_precision":
        expected = set()
    elif plan.startswith("residual"):
        expected = {layer for layer in expected if not layer.endswith("_shortcut")}
    assert binary == expected
    narrow = chosen.input_size == 32 and name != "resnet20"
    assert not [item for item in lint_model(model) if not (narrow and item.rule == "input-channels")]


@pytest.mark.parametrize("plan", ["xnor", "residual"])
def test_a_kept_layer_is_full_precision(plan):
    model = build_model("vgg11", f"{plan}+keep=stage3_conv2,head_dense1", width=0.125)
    kept = {"stage3_conv2", "head_dense1", "stage1_conv1", "classifier"}
    layers = [layer for layer in weight_layers(model) if "shortcut" not in layer.name]
    assert kept == {layer.name for layer in layers if not is_binary(layer)}


def test_residual_puts_a_shortcut_around_every_binary_convolution():
    for name, convs in (("resnet20", 18), ("vgg19", 15)):
        model = build_model(name, "residual", width=0.25)
        adds = [layer for layer in model.layers if layer.__class__.__name__ == "Add"]
        assert len(adds) == convs
        assert sum(is_binary(layer) for layer in model.layers) == convs + (2 if name == "vgg19" else 0)
    assert sum(layer.__class__.__name__ == "Add" for layer in build_model("resnet20", "xnor").layers) == 9


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("shape", [(28, 28, 1), (45, 61, 4)])
@pytest.mark.parametrize(
    ("name", "head"), [("resnet20", None), ("resnet18", None), ("vgg11", "paper"), ("vgg11", "compact")]
)
def test_input_sizes_and_channels(plan, name, head, shape):
    model = build_model(name, plan, width=0.125, input_shape=shape, classes=3, head=head)
    assert model(np.zeros((2, *shape), np.float32)).shape == (2, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "vgg91"}, "unknown network 'vgg91': did you mean 'vgg19'"),
        ({"plan": "residul"}, "did you mean 'residual'"),
        ({"plan": "sections=9"}, "unknown stage '9': valid: 1, 2, 3, 4, 5, head"),
        ({"head": "paper", "name": "resnet20"}, "unknown head of resnet20 'paper'"),
        ({"head": "compct"}, "did you mean 'compact'"),
        ({"input_shape": (27, 32, 3)}, "at least 28x28, got 27x32"),
        ({"classes": 1}, "at least 2 classes"),
        ({"width": 0}, "width multiplier"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(HybridTFError, match=message):
        build_model(**({"name": "vgg19"} | options))
