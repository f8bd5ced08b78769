"""Which layers and sections of a trained network deserve precision, by three scores.

- *Components* of a layer: how many principal components have 99 % of the variance of its activations, and where that
  number grows by two or more over the layer before (the paper's successor, arXiv 1906.01493).
- *Restored*: the loss on held-out images when one section is in full precision, or in int8, and batch norm's statistics
  are measured again. Its inputs are then clipped to [-1, 1] in place of signs, what the gradient takes signs for, and
  its kernels the latent weights, of which shipped networks keep the signs alone. Nothing is trained.
- *Fisher* score: the mean over images of the squared change of the loss that a section's rounding makes to first
  order: the gradient at the signs of its binary layers' inputs times what sign adds to these. One pass gives all.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import larq
import numpy as np
import tensorflow as tf
from rich.table import Table

from hybrid_tf.data import Dataset, train_batches
from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.memory import size
from hybrid_tf.models.layers import is_binary
from hybrid_tf.models.plan import Plan
from hybrid_tf.models.registry import find_network
from hybrid_tf.runs.run import Run
from hybrid_tf.system.files import atomic_path
from hybrid_tf.tables import percent, table
from hybrid_tf.training.recalibration import recalibrate

VARIANCE = 0.99
_JUMP = 2  # components more than the layer before had make a layer significant
_BATCH = 64
_LEVELS = 127  # of a symmetric int8


@dataclass(frozen=True)
class LayerScore:
    """Scores of a layer.

    Attributes:
        name, stage: name of the layer, and the stage that it is in.
        channels: number of channels of its output.
        components: number of principal components with 99 % of the variance of its output.
        significant: whether that number grows by two or more over the layer before.
        fisher: Fisher score of its inputs' signs; None where the layer is not binary.
    """

    name: str
    stage: str
    channels: int
    components: int
    significant: bool
    fisher: float | None


@dataclass(frozen=True)
class SectionScore:
    """Scores of a section with binary layers.

    Attributes:
        name: name of the stage.
        added_bytes: bytes that its weights take more in int8 than as bits.
        full_precision_loss, int8_loss: loss on held-out images with the section in that precision.
        full_precision_accuracy, int8_accuracy: accuracy with it, 0 to 1.
        fisher: sum of its layers' Fisher scores.
    """

    name: str
    added_bytes: int
    full_precision_loss: float
    full_precision_accuracy: float
    int8_loss: float
    int8_accuracy: float
    fisher: float


@dataclass(frozen=True)
class Sensitivity:
    """What deserves precision in a run's network.

    Attributes:
        folder: run folder.
        plan: plan of the run.
        images: number of held-out images.
        loss, accuracy: what the network gives on them, with batch norm's statistics measured again.
        layers: scores of the convolutions that a plan can make binary, in order.
        sections: scores of the sections with binary layers, in order.
        suggestions: plan that each score suggests, by the score.
    """

    folder: str
    plan: str
    images: int
    loss: float
    accuracy: float
    layers: tuple[LayerScore, ...]
    sections: tuple[SectionScore, ...]
    suggestions: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Returns the scores as JSON values."""
        return asdict(self)

    def tables(self) -> list[Table]:
        """Returns a table of the layers and one of the sections."""
        layers = [
            [
                layer.name,
                layer.channels,
                f"{layer.components}{' *' if layer.significant else ''}",
                "-" if layer.fisher is None else f"{layer.fisher:.3g}",
            ]
            for layer in self.layers
        ]
        sections = [
            [
                f"stage {section.name}",
                f"{self.loss - section.full_precision_loss:+.4f}",
                percent(section.full_precision_accuracy),
                f"{self.loss - section.int8_loss:+.4f}",
                percent(section.int8_accuracy),
                f"{section.fisher:.3g}",
                size(section.added_bytes),
            ]
            for section in self.sections
        ]
        columns = ["restored", "loss falls by", "held out", "in int8", "held out", "Fisher", "int8 adds"]
        title = (
            f"{self.folder}, {self.plan}: loss {self.loss:.4f}, {percent(self.accuracy)} of {self.images:,} held out"
        )
        found = [table("layers", ["layer", "channels", f"components for {VARIANCE:.0%}", "Fisher"], layers)]
        return [*found, table(title, columns, sections)] if sections else found


def sensitivity(run: Run, images: int) -> Sensitivity:
    """Returns the scores of a finished run.

    Args:
        run: run to look at.
        images: number of held-out images, and of training images for statistics, at most all.

    Raises:
        HybridTFError: when the run cannot be loaded, or has no held-out images.
    """
    data, model = run.load_dataset(), run.load_model()
    if not data.validation:
        raise HybridTFError(f"{run.folder} was trained without held-out images: train it without --validation 0")
    row = find_network(run.config.network)
    stages = {name: stage for name, stage in row.layers(run.config.head or row.heads[0]).items() if _has(model, name)}
    held_out = _arrays(data, run, images)
    binary = [model.get_layer(name) for name in stages if is_binary(model.get_layer(name))]
    fisher = _fisher_scores(model, binary, held_out)
    layers = _layer_scores(model, stages, fisher, held_out)
    statistics = model.get_weights()

    def measured(restored: Iterable[tf.keras.layers.Layer], bits: int | None) -> tuple[float, float]:
        with ExitStack() as stack:
            for layer in restored:
                stack.enter_context(_in_precision(layer, bits))
            recalibrate(model, _training_batches(data, run, images))
            found = _loss_and_accuracy(model, held_out)
        model.set_weights(statistics)
        return found

    loss, accuracy = measured((), None)
    sections = []
    for stage in dict.fromkeys(stages[layer.name] for layer in binary):
        members = [layer for layer in binary if stages[layer.name] == stage]
        added = sum(int(np.prod(layer.kernel.shape)) for layer in members) * 7 // 8
        score = sum(fisher[layer.name] for layer in members)
        sections.append(SectionScore(stage, added, *measured(members, None), *measured(members, 8), score))
    return Sensitivity(
        str(run.folder),
        run.config.plan,
        len(held_out[1]),
        loss,
        accuracy,
        tuple(layers),
        tuple(sections),
        _suggestions(run.spec.plan, loss, layers, sections),
    )


def _has(model: tf.keras.Model, name: str) -> bool:
    return any(layer.name == name for layer in model.layers)


def _arrays(data: Dataset, run: Run, images: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the first held-out images, normalised [N, H, W, C], and their labels [N]."""
    found, labels = data.validation.take(images)
    return run.normalisation.apply(found), labels


def _training_batches(data: Dataset, run: Run, images: int) -> tf.data.Dataset:
    size = min(_BATCH, data.train.size)
    found, _ = train_batches(data, batch_size=size, seed=run.config.seed, first_epoch=0, epochs=1, augmentation="none")
    return found.take(max(1, images // size))


def _batches(arrays: tuple[np.ndarray, np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, len(arrays[1]), _BATCH):
        yield arrays[0][start : start + _BATCH], arrays[1][start : start + _BATCH]


def _loss_and_accuracy(model: tf.keras.Model, arrays: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    @tf.function(reduce_retracing=True)
    def scores(images: tf.Tensor) -> tf.Tensor:
        return model(images, training=False)

    logits = np.concatenate([scores(tf.constant(images)).numpy() for images, _ in _batches(arrays)])
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(arrays[1], logits)
    return float(tf.reduce_mean(losses)), float(np.mean(logits.argmax(axis=1) == arrays[1]))


@contextmanager
def _in_precision(layer: tf.keras.layers.Layer, bits: int | None) -> Iterator[None]:
    """While this lasts, a binary layer computes with latent weights and clipped inputs, or with both in int8."""
    with (
        larq.utils.patch_object(layer, "input_quantizer", _clipped_and_rounded if bits else _clipped),
        larq.utils.patch_object(layer.kernel, "quantizer", _rounded if bits else None),
    ):
        yield


def _clipped(values: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(values, -1.0, 1.0)


def _clipped_and_rounded(values: tf.Tensor) -> tf.Tensor:
    return _rounded(_clipped(values))


def _rounded(values: tf.Tensor) -> tf.Tensor:
    step = tf.maximum(tf.reduce_max(tf.abs(values)), 1e-12) / _LEVELS
    return tf.round(values / step) * step


def _layer_scores(
    model: tf.keras.Model, stages: dict[str, str], fisher: dict[str, float], arrays: tuple[np.ndarray, np.ndarray]
) -> list[LayerScore]:
    counts = _components(model, list(stages), arrays)
    scores, before = [], None
    for name, (components, channels) in counts.items():
        significant = before is not None and components - before >= _JUMP
        scores.append(LayerScore(name, stages[name], channels, components, significant, fisher.get(name)))
        before = before if name.endswith("_shortcut") else components
    return scores


def _components(
    model: tf.keras.Model, names: list[str], arrays: tuple[np.ndarray, np.ndarray]
) -> dict[str, tuple[int, int]]:
    """Returns the number of components and of channels of each layer's output behind its batch norm."""
    outputs = [model.get_layer(f"{name}_bn").output for name in names]
    probe = tf.keras.Model(model.inputs, outputs)

    @tf.function(reduce_retracing=True)
    def moments(images: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
        found = []
        for values in tf.nest.flatten(probe(images, training=False)):
            rows = tf.reshape(values, (-1, values.shape[-1]))
            found.append((tf.reduce_sum(rows, 0), tf.matmul(rows, rows, transpose_a=True), tf.shape(rows)[0]))
        return found

    sums: list[list[Any]] = [[0.0, 0.0, 0] for _ in names]
    for images, _ in _batches(arrays):
        for total, part in zip(sums, moments(tf.constant(images)), strict=True):
            for number, value in enumerate(part):
                total[number] = total[number] + value.numpy().astype(np.float64)
    return {name: (components(*total), len(total[0])) for name, total in zip(names, sums, strict=True)}


def components(total: np.ndarray, products: np.ndarray, count: float) -> int:
    """Returns how many principal components have VARIANCE of the variance of some vectors.

    Args:
        total: sum of the vectors [C].
        products: sum of their outer products [C, C].
        count: number of the vectors.
    """
    mean = total / count
    variances = np.linalg.eigvalsh(products / count - np.outer(mean, mean))[::-1].clip(min=0)
    shares = np.cumsum(variances) / max(variances.sum(), np.finfo(float).tiny)
    return int(np.searchsorted(shares, VARIANCE) + 1)


def _fisher_scores(
    model: tf.keras.Model, layers: list[tf.keras.layers.Layer], arrays: tuple[np.ndarray, np.ndarray]
) -> dict[str, float]:
    """Returns the Fisher score of each binary layer."""

    @tf.function(reduce_retracing=True)
    def squares(images: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
        seen: dict[str, tuple[tf.Tensor, tf.Tensor]] = {}
        with tf.GradientTape() as tape, ExitStack() as stack:
            for layer in layers:
                quantizer = _recorded(layer, tape, seen)
                stack.enter_context(larq.utils.patch_object(layer, "input_quantizer", quantizer))
            logits = model(images, training=False)
            loss = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        found = [seen[layer.name] for layer in layers]
        gradients = tape.gradient(loss, [signs for _, signs in found])
        changes = [
            tf.reduce_sum(gradient * (signs - values), axis=(1, 2, 3))
            for (values, signs), gradient in zip(found, gradients, strict=True)
        ]
        return [tf.reduce_sum(change**2) for change in changes]

    sums = np.zeros(len(layers))
    for images, labels in _batches(arrays):
        sums += [float(value) for value in squares(tf.constant(images), tf.constant(labels))]
    return {layer.name: float(value) / len(arrays[1]) for layer, value in zip(layers, sums, strict=True)}


def _recorded(
    layer: tf.keras.layers.Layer, tape: tf.GradientTape, seen: dict[str, tuple[tf.Tensor, tf.Tensor]]
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns the layer's input quantizer, which keeps in `seen` what it is given and the signs, watched by `tape`."""
    quantizer = layer.input_quantizer

    def quantized(values: tf.Tensor) -> tf.Tensor:
        signs = quantizer(values)
        tape.watch(signs)
        seen[layer.name] = values, signs
        return signs

    return quantized


def _suggestions(plan: Plan, loss: float, layers: list[LayerScore], sections: list[SectionScore]) -> dict[str, str]:
    """Returns the plan that each score suggests, where it suggests one.

    Components: the significant layers are kept. The others: the section that gains most for each byte that int8 adds
    is no longer binary.
    """
    found = {}
    significant = tuple(layer.name for layer in layers if layer.significant and not layer.name.endswith("_shortcut"))
    base = plan if plan.sections != () else Plan(residual=True)
    if significant:
        found["components"] = str(Plan(base.sections, base.residual, tuple(sorted({*base.keep, *significant}))))
    gains = {
        "restored": {section.name: loss - section.int8_loss for section in sections},
        "fisher": {section.name: section.fisher for section in sections},
    }
    for score, gain in gains.items():
        worth = {one.name: gain[one.name] / one.added_bytes for one in sections if gain[one.name] > 0}
        rest = tuple(one.name for one in sections if one.name != max(worth, key=worth.__getitem__)) if worth else ()
        if rest:
            found[score] = str(Plan(rest, plan.residual))
    return found


def plot(found: Sensitivity, path: Path) -> None:
    """Draws the components of the layers, and what each section's precision is worth, to a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    names = [layer.name for layer in found.layers]
    colours = ["#d55e00" if layer.significant else "#0072b2" for layer in found.layers]
    left.bar(names, [layer.components for layer in found.layers], color=colours)
    left.step(names, [layer.channels for layer in found.layers], where="mid", color="0.5", linewidth=1)
    left.tick_params(axis="x", rotation=90, labelsize=7)
    left.set(ylabel=f"components for {VARIANCE:.0%} of the variance", title="orange: two more than the layer before")
    for number, (name, label) in enumerate((("full_precision_loss", "float32"), ("int8_loss", "int8"))):
        places = [place + 0.35 * number for place in range(len(found.sections))]
        right.bar(places, [found.loss - getattr(one, name) for one in found.sections], 0.35, label=label)
    right.set_xticks(range(len(found.sections)), [f"stage {one.name}" for one in found.sections])
    right.set(ylabel="held-out loss falls by", title="one section restored")
    right.legend() if found.sections else None
    figure.suptitle(f"{Path(found.folder).name}: what deserves precision")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)
