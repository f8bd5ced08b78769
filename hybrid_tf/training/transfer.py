"""Transfer: a training that starts from the weights that a network has learnt on other data.

The layers that are taken over learn at a tenth of the learning rate, so that what they know is not lost before the
fresh last layer has learnt anything (two rates: Howard and Ruder, arXiv 1801.06146). The images are normalised as the
new data say: they then have the mean and the deviation that the first layer has seen in its own training.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from hybrid_tf.config import option
from hybrid_tf.errors import HybridTFError
from hybrid_tf.models.layers import is_binary, weight_layers
from hybrid_tf.models.registry import find_network
from hybrid_tf.pretrained import load_pretrained, pretrained_names
from hybrid_tf.runs.names import CONFIG
from hybrid_tf.runs.resuming import resume_command
from hybrid_tf.runs.run import Run, load_run

SLOWER = 0.1  # what the learning rate of layers that were taken over is multiplied by


class Transfer(NamedTuple):
    """What a training takes over.

    Attributes:
        source: finished run that the weights come from.
        layers: names of the layers that are taken over.
        fresh: names of the layers that are not, though they have weights.
    """

    source: Run
    layers: tuple[str, ...]
    fresh: tuple[str, ...]


def load_source(name: str) -> Run:
    """Returns the finished run that `--start-from` names: a folder, or else a shipped network.

    Raises:
        HybridTFError: when there is none, or it is not finished.
    """
    if (Path(name) / CONFIG).exists() or "/" in name or Path(name).is_dir():
        run = load_run(name)
        if not run.finished:
            raise HybridTFError(f"--start-from {name} is not finished: run `{resume_command(name)}` first")
        return run
    if name not in pretrained_names():
        shipped = ", ".join(pretrained_names())
        raise HybridTFError(f"--start-from {name} is neither a run folder nor a shipped network, which are {shipped}")
    return load_pretrained(name)


def network_settings(source: Run) -> dict[str, Any]:
    """Returns the settings that say what the network of a run is; a training that starts from it has the same."""
    config, spec = source.config, source.spec
    return {
        "network": config.network,
        "plan": str(spec.plan),
        "width": config.width,
        "head": None if spec.head == find_network(config.network).heads[0] else spec.head,
        "shifts": config.shifts,
        "channels": source.image_shape[2],
    }


def take_over(model: tf.keras.Model, run: Run) -> Transfer | None:
    """Gives `model`, the fresh network of `run`, the best weights of the run that it starts from, if any.

    The last layer is taken over when both tell the same classes apart.

    Returns:
        What was taken over, None when the run starts from nothing.

    Raises:
        HybridTFError: when the other run is not finished or damaged; when it has another network, or a layer another
            size, which dense layers have for images of another size: the message names what differs, on both sides.
    """
    if not run.config.start_from:
        return None
    source = load_source(run.config.start_from)
    _check_network(source, run)
    last = weight_layers(model)[-1].name
    fresh = () if set(source.class_names) == set(run.class_names) else (last,)
    layers = tuple(layer.name for layer in model.layers if layer.weights and layer.name not in fresh)
    trained = source.load_model()
    for name in layers:
        layer, weights = model.get_layer(name), trained.get_layer(name).get_weights()
        if name == last:  # the same classes, which may be in another order
            order = [source.class_names.index(each) for each in run.class_names]
            weights = [np.take(weight, order, axis=-1) for weight in weights]
        _check_shapes(layer, weights, source, run)
        if is_binary(layer):
            weights[0] = _turnable(weights[0], layer.get_weights()[0])
        layer.set_weights(weights)
    return Transfer(source, layers, fresh)


def _turnable(kernel: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """Returns a binary layer's kernel; if it holds signs alone, with the mean magnitude of a fresh one.

    Shipped networks store the signs. They are all that counts in the network, but weights of -1 and 1 are as far from
    the other sign as can be, and no step is large enough to turn one.
    """
    return np.sign(kernel) * np.abs(fresh).mean() if (np.abs(kernel) == 1).all() else kernel


def _check_network(source: Run, run: Run) -> None:
    theirs, ours = network_settings(source), network_settings(run)
    differing = [name for name in ours if theirs[name] != ours[name]]
    if differing:
        there, here = (
            ", ".join(f"{option(name)} {settings[name]}" for name in differing) for settings in (theirs, ours)
        )
        raise HybridTFError(
            f"--start-from {run.config.start_from} is another network: it has {there}, this run {here}; give the same, "
            "or start from another"
        )


def _check_shapes(layer: tf.keras.layers.Layer, weights: list[np.ndarray], source: Run, run: Run) -> None:
    for own, given in zip(layer.weights, weights, strict=True):
        if tuple(own.shape) != given.shape:
            there, here = ("x".join(map(str, each.image_shape[:2])) for each in (source, run))
            raise HybridTFError(
                f"--start-from {run.config.start_from} does not fit: its layer '{layer.name}' has weights of "
                f"{given.shape} for images of {there}, this run's of {tuple(own.shape)} for images of {here}; give "
                f"--input-size {source.image_shape[0]}"
            )


def transfer_text(transfer: Transfer, run: Run) -> str:
    """Returns a sentence that says what a run takes over and what is fresh."""
    source = transfer.source
    text = (
        f"{len(transfer.layers)} layers start from {run.config.start_from} (trained on {source.config.dataset}), at "
        f"{SLOWER} of the learning rate"
    )
    if transfer.fresh:
        return f"{text}; fresh: {', '.join(transfer.fresh)}, for {len(run.class_names)} other classes"
    return f"{text}; all of them, as the classes are the same"
