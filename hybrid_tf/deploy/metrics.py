"""What a classifier gives on labelled images: accuracy by class, confusions, calibration, and its surest mistakes."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

BINS = 15  # of the calibration, as many as in the paper that `Evaluation.calibration_error` follows
LEAST_IN_BIN = 10  # of 10 images the 95 % interval of a share is up to 53 points wide, of fewer it says next to nothing
_NEARLY = 0.1  # an accuracy this much above what one answer for all would score is still nearly as high


@dataclass(frozen=True)
class ClassAccuracy:
    """The images of one class.

    Attributes:
        name: name of the class.
        images: number of its images.
        right: number of those that were recognised.
        accuracy: `right` over `images`, 0 to 1; `None` without images.
        interval: 95 % confidence interval of the accuracy, from and to; `None` without images.
        taken_for: name of the class that its other images were taken for most often; `None` when all are right.
    """

    name: str
    images: int
    right: int
    accuracy: float | None
    interval: tuple[float, float] | None
    taken_for: str | None


@dataclass(frozen=True)
class CalibrationBin:
    """The images whose probability, that of the class they were given, lies in one interval.

    Attributes:
        images: number of these images.
        confidence: mean of their probabilities, 0 to 1; 0 without images.
        accuracy: share of them that is right, 0 to 1; 0 without images.
    """

    images: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Mistake:
    """An image that was given a wrong class.

    Attributes:
        number: position of the image among the test images, from 0.
        label: number of its class.
        predicted: number of the class that it was given.
        probability: probability of that class, 0 to 1.
        picture: PNG of the image as the network sees it, reduced if it is large, in base64.
        path: path of its file; empty where the data set is no folder of images.
    """

    number: int
    label: int
    predicted: int
    probability: float
    picture: str
    path: str


@dataclass(frozen=True)
class Evaluation:
    """What a network gives on the test images of a data set.

    Attributes:
        dataset: name of the data set.
        engine: name of what ran the network: `Keras`, `lce` or `runtime`.
        class_names: name of each output of the network.
        confusion: number of images of each class (row) that were given each class (column).
        loss: mean cross-entropy.
        bins: BINS calibration bins of equal width, from probability 0 to 1.
        mistakes: the wrong images with the largest probabilities, in falling order.
    """

    dataset: str
    engine: str
    class_names: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    loss: float
    bins: tuple[CalibrationBin, ...]
    mistakes: tuple[Mistake, ...]

    @property
    def images(self) -> int:
        """The number of images."""
        return sum(map(sum, self.confusion))

    @property
    def right(self) -> int:
        """The number of images that were given their class."""
        return sum(row[number] for number, row in enumerate(self.confusion))

    @property
    def accuracy(self) -> float:
        """Top-1 accuracy, 0 to 1."""
        return self.right / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the accuracy, from and to."""
        return wilson_interval(self.right, self.images)

    @cached_property
    def classes(self) -> list[ClassAccuracy]:
        """The accuracy of each class, in the order of the outputs."""
        return [self._class(number) for number in range(len(self.class_names))]

    @property
    def balanced_accuracy(self) -> float:
        """Mean of the accuracies of the classes that have images: each class counts the same."""
        return float(np.mean([row.accuracy for row in self.classes if row.accuracy is not None]))

    @property
    def most_frequent(self) -> ClassAccuracy:
        """The class with the most images."""
        return max(self.classes, key=lambda row: row.images)

    @property
    def calibration_error(self) -> float:
        """Expected calibration error, 0 to 1: how far probabilities are from the share that is right, on average.

        As in Guo et al., On Calibration of Modern Neural Networks, arXiv 1706.04599, equation 3.
        """
        return sum(row.images * abs(row.accuracy - row.confidence) for row in self.bins) / self.images

    @property
    def calibration_caveat(self) -> str:
        """What is to be said when bins of the calibration have too few images to say much; else an empty text."""
        thin = [row.images for row in self.bins if 0 < row.images < LEAST_IN_BIN]
        if not thin:
            return ""
        filled = sum(row.images > 0 for row in self.bins)
        return (
            f"{len(thin)} of the {filled} bins that have images have fewer than {LEAST_IN_BIN} ({sum(thin):,} of the "
            f"{self.images:,} images are in them): chance decides what is right there, and it adds to the error"
        )

    @property
    def confusions(self) -> list[tuple[int, int, int]]:
        """Class, class that its images were given, and number of these images; the most frequent first."""
        found = [
            (row, column, count) for row, counts in enumerate(self.confusion) for column, count in enumerate(counts)
        ]
        return sorted((item for item in found if item[0] != item[1] and item[2]), key=lambda item: -item[2])

    @property
    def warnings(self) -> list[str]:
        """What the accuracy alone would hide, one sentence each."""
        found, most = [], self.most_frequent
        absent = [row.name for row in self.classes if not row.images]
        share, even = most.images / self.images, 1 / (len(self.class_names) - len(absent))
        # Uneven classes; hardly a gain over one answer for all; and most of the mistakes of that answer still made.
        if share >= 1.2 * even and self.accuracy < share + _NEARLY and 1 - self.accuracy > (1 - share) / 2:
            found.append(
                f"{100 * self.accuracy:.2f} % are right, and always saying '{most.name}' would get {100 * share:.2f} % "
                f"right, as {most.images:,} of the {self.images:,} images are of that class: look at the balanced "
                f"accuracy, {100 * self.balanced_accuracy:.2f} %, and at each class"
            )
        if absent:
            listed = ", ".join(f"'{name}'" for name in absent[:5]) + (", ..." if len(absent) > 5 else "")
            found.append(
                f"{len(absent)} of {len(self.class_names)} classes have no test image, so nothing is known about them: "
                f"{listed}"
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Returns all that is known as plain JSON values, without the pictures."""
        most = self.most_frequent
        edges = np.linspace(0, 1, BINS + 1)
        return {
            "dataset": self.dataset,
            "engine": self.engine,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "loss": self.loss,
            "images": self.images,
            "balanced_accuracy": self.balanced_accuracy,
            "most_frequent": {"class": most.name, "share": most.images / self.images},
            "classes": [asdict(row) for row in self.classes],
            "confusion_matrix": [list(row) for row in self.confusion],
            "calibration": {
                "error": self.calibration_error,
                "caveat": self.calibration_caveat or None,
                "bins": [
                    {"from": float(low), "to": float(high)} | asdict(row)
                    for low, high, row in zip(edges, edges[1:], self.bins, strict=False)
                ],
            },
            "mistakes": [
                {
                    "image": item.number,
                    "path": item.path or None,
                    "class": self.class_names[item.label],
                    "predicted": self.class_names[item.predicted],
                    "probability": item.probability,
                }
                for item in self.mistakes
            ],
            "warnings": self.warnings,
        }

    def _class(self, number: int) -> ClassAccuracy:
        row = self.confusion[number]
        images, right = sum(row), row[number]
        others = [count if column != number else 0 for column, count in enumerate(row)]
        return ClassAccuracy(
            name=self.class_names[number],
            images=images,
            right=right,
            accuracy=right / images if images else None,
            interval=wilson_interval(right, images) if images else None,
            taken_for=self.class_names[int(np.argmax(others))] if any(others) else None,
        )


def wilson_interval(right: int, images: int) -> tuple[float, float]:
    """Returns the 95 % confidence interval of a share, also of few images or of shares near 0 and 1.

    E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, Journal of the American
    Statistical Association 22 (1927), pages 209 to 212; as SciPy computes it.
    """
    from scipy.stats import binomtest

    found = binomtest(right, images).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def confusion_of(labels: np.ndarray, predicted: np.ndarray, classes: int) -> tuple[tuple[int, ...], ...]:
    """Returns the number of images of each class (row) that were given each class (column)."""
    from sklearn.metrics import confusion_matrix

    return tuple(map(tuple, confusion_matrix(labels, predicted, labels=np.arange(classes)).tolist()))


def calibration_bins(probabilities: np.ndarray, right: np.ndarray) -> tuple[CalibrationBin, ...]:
    """Returns the calibration bins of images.

    Args:
        probabilities: probability of the class that each image was given, float [N], 0 to 1.
        right: whether it is the image's class, bool [N].
    """
    numbers = np.clip(np.ceil(probabilities * BINS).astype(int) - 1, 0, BINS - 1)  # ((m - 1) / M, m / M] of the paper
    images = np.bincount(numbers, minlength=BINS)
    sums = [np.bincount(numbers, values, BINS) / np.maximum(images, 1) for values in (probabilities, right)]
    return tuple(
        CalibrationBin(int(n), float(mean), float(share)) for n, mean, share in zip(images, *sums, strict=True)
    )
