"""Distillation: a network, the student, imitates a finished run, the teacher: its outputs and attention maps."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.names import BEST
from hybrid_tf.runs.resuming import resume_command
from hybrid_tf.runs.run import Run, load_run

_STAGE = re.compile(r"stage\d+(?=_)")


@dataclass(frozen=True)
class Teacher:
    """A finished run to imitate, and what tells its weights from others."""

    run: Run
    digest: str


def load_teacher(folder: str) -> Teacher:
    """Returns the teacher in a run folder.

    Raises:
        HybridTFError: when there is no run, it is not finished, or its weights are missing.
    """
    run = load_run(folder)
    if not run.finished:
        raise HybridTFError(f"--teacher {folder} is not finished: run `{resume_command(folder)}` first")
    try:
        digest = hashlib.sha256((run.folder / BEST).read_bytes()).hexdigest()
    except OSError as error:
        raise HybridTFError(f"--teacher {folder} has no weights: cannot read {run.folder / BEST}") from error
    return Teacher(run, digest)


def check_teacher(teacher: Run, student: Run) -> None:
    """Checks that a teacher fits: the same classes, images and, where they are compared, sizes of attention maps.

    Raises:
        HybridTFError: saying what does not fit.
    """
    if teacher.class_names != student.class_names:
        raise HybridTFError(
            f"--teacher {teacher.folder} tells other classes apart (data set {teacher.config.dataset}): train a "
            f"teacher on {student.config.dataset}"
        )
    if teacher.image_shape != student.image_shape:
        shapes = ["x".join(map(str, run.image_shape)) for run in (teacher, student)]
        raise HybridTFError(
            f"--teacher {teacher.folder} takes images of {shapes[0]}, this run of {shapes[1]}: train a teacher with "
            "the same --input-size and --channels"
        )
    if student.config.attention:
        sizes = [_stage_sizes(run.spec.build()) for run in (teacher, student)]
        if sizes[0] != sizes[1]:
            raise HybridTFError(
                f"--attention needs a teacher whose stages have maps of the same sizes, but {teacher.folder} has "
                f"{sizes[0]} and this network {sizes[1]}: take its full-precision twin, or --attention 0"
            )


class Distillation(tf.keras.Model):
    """A student whose training step also asks the teacher, on the same augmented images.

    The loss is (1 - d) * cross entropy + d * T^2 * KL(teacher || student), both softened by the temperature T (Hinton
    et al., arXiv 1503.02531), + a * the sum over the stages of || A/||A|| - A'/||A'|| ||^2, where A [H, W] is the sum
    over the channels of the squared output of a stage (arXiv 1612.03928; Real-to-Binary Nets, 2003.11535). The loss
    that is reported is the cross entropy with the labels alone, so that runs compare.
    """

    def __init__(self, student: tf.keras.Model, teacher: Run, run: Run) -> None:
        """Takes the student's network, the teacher, and the run that the student belongs to.

        Raises:
            HybridTFError: when the teacher's weights cannot be read.
        """
        super().__init__(name=student.name)
        self.student = student
        self._settings = run.config
        taught, own = teacher.load_model(), student
        if run.config.attention:
            taught, own = _with_stages(taught), _with_stages(student)
        self._outputs = _listed(own)
        # In a function, because a model that Keras sees here would be trained and counted as part of this one.
        self._teach = _listed(lambda images, training: taught(_renormalised(images, run, teacher), training=training))

    def call(self, images: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns the student's logits [N, classes] for images [N, H, W, C]."""
        return self.student(images, training=training)

    def train_step(self, data: tuple[tf.Tensor, ...]) -> dict[str, tf.Tensor]:
        """Trains the student on images [N, H, W, C], labels [N, classes], maybe weights [N]; returns the metrics."""
        images, labels, weights = tf.keras.utils.unpack_x_y_sample_weight(data)
        config = self._settings
        taught, *taught_stages = self._teach(images, training=False)
        with tf.GradientTape() as tape:
            logits, *stages = self._outputs(images, training=True)
            imitation = config.distillation * softened_divergence(taught, logits, config.temperature)
            for stage, taught_stage in zip(stages, taught_stages, strict=True):
                imitation += config.attention * _attention_distance(taught_stage, stage)
            if weights is not None:
                imitation *= weights
            loss = (1 - config.distillation) * self.compiled_loss(labels, logits, weights)
            loss += tf.reduce_mean(imitation)
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        self.compiled_metrics.update_state(labels, logits)
        return self.get_metrics_result()


def _listed(function: Callable[..., Any]) -> Callable[..., list[tf.Tensor]]:
    return lambda images, training: tf.nest.flatten(function(images, training=training))


def _renormalised(images: tf.Tensor, own: Run, teacher: Run) -> tf.Tensor:
    """Returns images as the teacher saw them: it may have been trained on another part of the images."""
    if own.normalisation == teacher.normalisation:
        return images
    pixels = images * own.normalisation.std + own.normalisation.mean
    return (pixels - teacher.normalisation.mean) / teacher.normalisation.std


def _with_stages(model: tf.keras.Model) -> tf.keras.Model:
    """Returns `model` with the outputs of its stages behind its own: of the last layer that is named after each."""
    ends = {}
    for layer in model.layers:
        stage = _STAGE.match(layer.name)
        if stage and len(layer.output.shape) == 4:
            ends[stage[0]] = layer.output
    return tf.keras.Model(model.inputs, [*model.outputs, *ends.values()])


def _stage_sizes(model: tf.keras.Model) -> list[tuple[int, int]]:
    return [tuple(output.shape[1:3]) for output in _with_stages(model).outputs[1:]]


def softened_divergence(teacher: tf.Tensor, student: tf.Tensor, temperature: float) -> tf.Tensor:
    """Returns T^2 * KL(softmax(teacher / T) || softmax(student / T)) [N] of logits [N, classes]."""
    expected, found = (tf.nn.log_softmax(logits / temperature) for logits in (teacher, student))
    return temperature**2 * tf.reduce_sum(tf.exp(expected) * (expected - found), axis=-1)


def _attention_distance(teacher: tf.Tensor, student: tf.Tensor) -> tf.Tensor:
    """Returns the squared distances [N] of the normalised attention maps of [N, H, W, C] and [N, H, W, C']."""
    maps = [tf.reduce_sum(tf.square(tf.cast(x, tf.float32)), axis=-1) for x in (teacher, student)]
    one, other = (tf.nn.l2_normalize(x, axis=(1, 2)) for x in maps)
    return tf.reduce_sum(tf.square(one - other), axis=(1, 2))
