"""The evaluation of a network batch by batch: what is kept of each image is small, so test sets may be large."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image
from scipy.special import log_softmax

from hybrid_tf.compiler.metadata import LOGITS, PROBABILITIES
from hybrid_tf.data import Normalisation
from hybrid_tf.deploy.metrics import Evaluation, Mistake, calibration_bins, confusion_of
from hybrid_tf.errors import HybridTFError

MISTAKES = 12  # surest mistakes that are kept
LARGEST_PICTURE = 96  # pixels, height and width of the picture of a mistake


class Tally:
    """Counts what a network gives on images that come in batches."""

    def __init__(self, class_names: tuple[str, ...], normalisation: Normalisation, scores: str = LOGITS) -> None:
        """Prepares for a network.

        Args:
            class_names: name of each output; outputs behind them have numbers instead.
            normalisation: normalisation that the images come with.
            scores: what the network gives, `logits` or `probabilities`.
        """
        self.class_names = class_names
        self.normalisation = normalisation
        self._probabilities = scores == PROBABILITIES
        self._outputs = len(class_names)
        self._rows: list[np.ndarray] = []
        self._mistakes: list[tuple[float, int, int, int, np.ndarray]] = []
        self._images = 0

    def add(self, images: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> None:
        """Counts a batch.

        Args:
            images: images as the network takes them, float32 [N, H, W, C].
            labels: number of the class of each image, int [N].
            scores: what the network gave, [N, outputs].

        Raises:
            HybridTFError: when a score is not a finite number.
        """
        finite = np.isfinite(scores).all(axis=1)
        if not finite.all():
            number = self._images + int(np.argmin(finite))
            raise HybridTFError(
                f"the scores of test image {number} are not finite numbers: the weights are damaged or diverged; "
                "train again with a smaller --learning-rate"
            )
        self._outputs = scores.shape[1]
        scores = scores.astype(np.float64)
        logs = np.log(scores.clip(np.finfo(float).tiny, 1)) if self._probabilities else log_softmax(scores, axis=1)
        predicted, every = scores.argmax(axis=1), np.arange(len(labels))
        confidence = np.exp(logs[every, predicted])
        self._rows.append(np.stack([labels, predicted, confidence, logs[every, labels]]))
        wrong = np.flatnonzero(predicted != labels)
        self._mistakes += [
            (float(confidence[i]), self._images + int(i), int(labels[i]), int(predicted[i]), images[i])
            for i in wrong[np.argsort(-confidence[wrong], kind="stable")[:MISTAKES]]
        ]
        self._mistakes = sorted(self._mistakes, key=lambda item: (-item[0], item[1]))[:MISTAKES]
        self._images += len(labels)

    def evaluation(self, dataset: str, engine: str, paths: Sequence[str] = ()) -> Evaluation:
        """Returns what was counted, of at least one image.

        Args:
            dataset: name of the data set.
            engine: name of what ran the network.
            paths: path of each image's file; empty where images are no files.
        """
        labels, predicted, confidence, log_label = np.concatenate(self._rows, axis=1)
        labels, predicted = labels.astype(int), predicted.astype(int)
        others = (f"output {number}" for number in range(len(self.class_names), self._outputs))
        return Evaluation(
            dataset=dataset,
            engine=engine,
            class_names=(*self.class_names, *others),
            confusion=confusion_of(labels, predicted, self._outputs),
            loss=float(-log_label.mean()),
            bins=calibration_bins(confidence, labels == predicted),
            mistakes=tuple(
                Mistake(number, label, other, probability, self._picture(image), paths[number] if paths else "")
                for probability, number, label, other, image in self._mistakes
            ),
        )

    def _picture(self, image: np.ndarray) -> str:
        """Returns a PNG in base64 of a normalised image, float32 [H, W, C]."""
        pixels = image * np.float32(self.normalisation.std) + np.float32(self.normalisation.mean)
        picture = Image.fromarray(
            np.rint(pixels).clip(0, 255).astype(np.uint8).squeeze(-1 if image.shape[-1] == 1 else ())
        )
        picture.thumbnail((LARGEST_PICTURE, LARGEST_PICTURE))
        content = io.BytesIO()
        picture.save(content, "PNG", optimize=True)
        return base64.b64encode(content.getvalue()).decode()
