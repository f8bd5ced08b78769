import pytest

from hybrid_tf.errors import nearest

NETWORKS = [
    "resnet20",
    "resnet32",
    "resnet44",
    "resnet56",
    "resnet110",
    "resnet18",
    "resnet34",
    "vgg11",
    "vgg13",
    "vgg19",
]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("resnet21", "resnet20"),  # not resnet32, which has as many letters in common
        ("ResNet-20", "resnet20"),
        ("resnet101", "resnet110"),
        ("vgg91", "vgg19"),
        ("vgg12", "vgg13"),  # or vgg11, which is as near
        ("resnet50", "resnet56"),
        ("resent34", "resnet34"),
        ("vgg", "vgg11"),
        ("mobilenet_v2_from_elsewhere", None),
    ],
)
def test_the_name_with_the_fewest_slips_is_suggested(name, meant):
    assert nearest(name, NETWORKS) == meant


def test_of_nothing_nothing_is_suggested():
    assert nearest("vgg19", []) is None
