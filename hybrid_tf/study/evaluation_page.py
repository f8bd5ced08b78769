"""What a page shows of an evaluation: confusions, classes, calibration and mistakes; and a page about one alone."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from hybrid_tf.deploy.metrics import LEAST_IN_BIN, CalibrationBin, ClassAccuracy, Evaluation
from hybrid_tf.study.figures import reliability
from hybrid_tf.study.page import write_page

MATRIX_CLASSES = 40  # the largest matrix that can be read
LISTED = 20  # classes and confusions in view; other classes can be unfolded
_LETTERS = 18  # of a name beside a matrix


class Cell(NamedTuple):
    """A cell of a confusion matrix: its number of images, and the name of its colour."""

    images: int
    colour: str


@dataclass(frozen=True)
class EvaluationView:
    """An evaluation with what a page shows of it."""

    evaluation: Evaluation

    @property
    def names(self) -> list[str]:
        """The names of the classes, shortened for a matrix."""
        names = self.evaluation.class_names
        return [name if len(name) <= _LETTERS else name[: _LETTERS - 1] + "\N{HORIZONTAL ELLIPSIS}" for name in names]

    @property
    def matrix(self) -> list[list[Cell]]:
        """The confusion matrix; empty when there are too many classes to read it."""
        if len(self.names) > MATRIX_CLASSES:
            return []
        return [
            [Cell(images, _colour(images, sum(row), number == column)) for column, images in enumerate(row)]
            for number, row in enumerate(self.evaluation.confusion)
        ]

    @property
    def confusions(self) -> list[dict[str, Any]]:
        """The most frequent confusions: both classes, the number of images and its share of the class's."""
        found, names = self.evaluation, self.evaluation.class_names
        return [
            {
                "name": names[row],
                "taken_for": names[column],
                "images": images,
                "share": images / sum(found.confusion[row]),
            }
            for row, column, images in found.confusions[:LISTED]
        ]

    @property
    def worst(self) -> list[ClassAccuracy]:
        """The classes in view, the worst first."""
        return worst_classes(self.evaluation)[:LISTED]

    @property
    def better(self) -> list[ClassAccuracy]:
        """The other classes."""
        return worst_classes(self.evaluation)[LISTED:]

    @property
    def calibration_figure(self) -> str:
        """The reliability diagram, as SVG."""
        bins = self.evaluation.bins
        confidences, accuracies = ([100 * getattr(row, name) for row in bins] for name in ("confidence", "accuracy"))
        return reliability(confidences, accuracies, [row.images for row in bins], LEAST_IN_BIN)

    @property
    def calibration_bins(self) -> list[tuple[str, CalibrationBin]]:
        """The bins that have images, with their probabilities in percent."""
        bins = self.evaluation.bins
        return [
            (f"{100 * number / len(bins):.0f} to {100 * (number + 1) / len(bins):.0f} %", row)
            for number, row in enumerate(bins)
            if row.images
        ]


def worst_classes(evaluation: Evaluation) -> list[ClassAccuracy]:
    """Returns the classes by accuracy, the worst first; those without images come last."""
    return sorted(evaluation.classes, key=lambda row: (row.accuracy is None, row.accuracy, -row.images))


def write_evaluation_page(evaluation: Evaluation, path: Path, source: str) -> None:
    """Writes a page about one evaluation to `path`.

    Args:
        evaluation: evaluation to show.
        path: path of the HTML file.
        source: what was evaluated, for the title.

    Raises:
        HybridTFError: when the file cannot be written.
    """
    write_page(path, "evaluation.html", title=f"{source} on {evaluation.dataset}", view=EvaluationView(evaluation))


def _colour(images: int, of: int, right: bool) -> str:
    """Returns the name of a colour, `r` or `w` and 1 to 10; by the square root, as most mistakes are small shares."""
    return f"{'r' if right else 'w'}{math.ceil(10 * math.sqrt(images / of))}" if images else ""
