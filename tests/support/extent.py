"""How much is tried of what is alike: a part of it in `make test`, all of it in `make sweep`."""

import os

import pytest

from hybrid_tf.models.registry import network_names

EVERYTHING = os.environ.get("HYBRID_TF_SWEEP") == "1"
# Networks that repeat the blocks of one that is tried. A new family is tried as a whole.
ALIKE = ("resnet32", "resnet34", "resnet44", "resnet56", "resnet110", "vgg13", "vgg16")
SMALLEST = ("resnet20", "vgg11")


def networks():
    """Returns the names of the registered networks that are tried."""
    return [name for name in network_names() if EVERYTHING or name not in ALIKE]


def networks_and_plans(plans):
    """Returns the pairs of a registered network and a plan that are tried.

    Each is one parameter for pytest; all but those of the smallest of each family are slow.
    """
    return [
        pytest.param((name, plan), marks=[] if name in SMALLEST else pytest.mark.slow, id=f"{name} {plan}")
        for name in networks()
        for plan in plans
    ]


def some(names, part):
    """Returns all names, or those of `part`."""
    return list(names) if EVERYTHING else [name for name in names if name in part]


def count(part, everything):
    """Returns how many of many cases are tried."""
    return everything if EVERYTHING else part


SWEEP_CASES = count(200, 600)  # generated configurations of operators, under sanitizers and on emulated ARM
NARROW_CASES = count(400, 4200)  # the same of blocks of narrow binary convolutions, on every instruction set
