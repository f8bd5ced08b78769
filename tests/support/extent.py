"""How much is tried of what is alike: a part of it in `make test`, all of it in `make sweep`."""

import os

import pytest

from hybrid_tf.models.registry import network_names

EVERYTHING = os.environ.get("HYBRID_TF_SWEEP") == "1"
# One family is one path through the code. The smallest of CIFAR's ResNets and the deepest, one with ImageNet's first
# layers, the smallest VGG and the largest.
CHOSEN = ("resnet20", "resnet110", "resnet18", "vgg11", "vgg19")
DEEPEST = "resnet110"
SMALLEST = ("resnet20", "vgg11")


def networks():
    """Returns the names of the registered networks that are tried."""
    return network_names() if EVERYTHING else list(CHOSEN)


def networks_and_plans(plans):
    """Returns the pairs of a registered network and a plan that are tried: of those not chosen, `residual` alone.

    Each is one parameter for pytest; all but those of the smallest of each family are slow.
    """
    return [
        pytest.param((name, plan), marks=[] if name in SMALLEST else pytest.mark.slow, id=f"{name} {plan}")
        for name in network_names()
        for plan in plans
        if EVERYTHING or name in CHOSEN or plan == "residual"
    ]


def converted_networks_and_plans(plans):
    """Returns the pairs whose file is made and run: of those chosen, but of the deepest `residual` alone."""
    chosen = [name for name in CHOSEN if name != DEEPEST]
    return [
        pytest.param((name, plan), id=f"{name} {plan}")
        for name in network_names()
        for plan in plans
        if EVERYTHING or name in chosen or (name, plan) == (DEEPEST, "residual")
    ]


def some(names, part):
    """Returns all names, or those of `part`."""
    return list(names) if EVERYTHING else [name for name in names if name in part]


def count(part, everything):
    """Returns how many of many cases are tried."""
    return everything if EVERYTHING else part


SWEEP_CASES = count(200, 600)  # generated configurations of operators, under sanitizers and on emulated ARM
NARROW_CASES = count(400, 4200)  # the same of blocks of narrow binary convolutions, on every instruction set
