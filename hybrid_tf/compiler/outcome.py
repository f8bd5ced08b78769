"""What a conversion ends with: what was written, and how it compares with the network it was made from."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hybrid_tf.compiler.metadata import Metadata
from hybrid_tf.compiler.passes.note import Note

# Fraction of the largest score. Networks of 20 to 110 layers, 32x32 to 224x224, with random weights, stayed below 3e-6.
TOLERANCE = 1e-4
# Fraction of the root mean square of a layer's input for one image. The same networks stayed below 2e-6, whether their
# kernels were magnitude-aware or plain signs.
SIGN_TOLERANCE = 1e-5
# Fraction of a layer's inputs for one image. Rounding changes few signs; a file that loses a ReLU changes half of them,
# while in Keras they are exactly zero.
MOST_OTHER_SIGNS = 0.25
# Of an int8 value, in least significant bits (LSB). Fixed-point arithmetic and ties round otherwise than float32.
MOST_LSB = 1


@dataclass(frozen=True)
class Conversion:
    """What was written.

    Attributes:
        path: path of the file.
        bytes: size of the file in bytes.
        binary_layers: number of binary convolutions in the file; a layer that is used twice counts twice.
        ops: number of times that each operator occurs, the most frequent first.
        metadata: metadata that the file holds.
        float_layers: names of the quantized layers that the file computes in float; only our own converter has some.
        notes: what our own converter did, and why it left something as it was.
    """

    path: Path
    bytes: int
    binary_layers: int
    ops: dict[str, int]
    metadata: Metadata
    float_layers: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as JSON values; of the metadata what the network takes and gives."""
        about = {key: getattr(self.metadata, key) for key in ("mean", "std", "scores")}
        return {
            "path": str(self.path),
            "bytes": self.bytes,
            "binary_layers": self.binary_layers,
            "ops": self.ops,
            "float_layers": list(self.float_layers),
            "notes": [asdict(note) for note in self.notes],
            **about,
        }


@dataclass(frozen=True)
class Accuracy:
    """The accuracy of a network in full precision and of its int8 file, on the same test images.

    Attributes:
        images: number of test images.
        network: top-1 accuracy of the network in Keras without the rounding of int8, 0 to 1.
        int8: top-1 accuracy of the int8 file, 0 to 1.
        engine: name of what ran the file.
    """

    images: int
    network: float
    int8: float
    engine: str

    @property
    def lost_points(self) -> float:
        """How many percentage points int8 loses; negative when it gains."""
        return 100 * (self.network - self.int8)


@dataclass(frozen=True)
class Verification:
    """How a file compares with its Keras model.

    Differences of an int8 file are to the model *with the rounding of int8*, agreement and accuracies without it.

    Attributes:
        images: number of images that were compared.
        max_abs_difference: largest difference between a score of the file and that of Keras with the same signs.
        max_rel_difference: `max_abs_difference` over the largest magnitude of a score of Keras, over all images.
        images_with_other_signs: number of images on which LCE took a sign that Keras did not.
        largest_other_sign: the largest magnitude in Keras of a number whose sign LCE took differently, divided by the
            root mean square of all inputs of that layer for that image; 0 when there is none.
        most_other_signs: the largest fraction of a layer's inputs, for one image, whose sign LCE took differently.
        top1_agreement: fraction of images to which file and Keras, each with its own signs, give the same class.
        keras_accuracy, file_accuracy: top-1 accuracy, 0 to 1, each with its own signs; None without labels.
        finite: whether every score of both was a finite number.
        int8_tensors: number of int8 tensors that were compared; 0 when the full-precision sections are float32.
        most_lsb: largest difference of an int8 value of file and Keras on equal inputs, in least significant bits
            (LSB).
        other_int8: fraction of an int8 tensor's values that differ, as the mean over all tensors and images.
        inputs: what the images are, in words.
        accuracy: what int8 costs, where it was measured.
        reference: what the file was compared with.
        engine: name of what ran the file.
    """

    images: int
    max_abs_difference: float
    max_rel_difference: float
    images_with_other_signs: int
    largest_other_sign: float
    most_other_signs: float
    top1_agreement: float
    keras_accuracy: float | None
    file_accuracy: float | None
    finite: bool
    int8_tensors: int = 0
    most_lsb: int = 0
    other_int8: float = 0.0
    inputs: str = "the images that were given"
    accuracy: Accuracy | None = None
    reference: str = "Keras"
    engine: str = "LCE"

    @property
    def failure(self) -> str | None:
        """Why the file does not compute what the model does, as one sentence; None when it does."""
        if not self.finite:
            return f"scores on the {self.images} images are not all finite numbers: the weights have diverged"
        if not self.largest_other_sign <= SIGN_TOLERANCE:  # so that NaN fails
            return (
                f"the file takes the wrong sign of a layer's input: in {self.reference} it is "
                f"{self.largest_other_sign:.1e} of the layer's root mean square away from zero, and rounding explains "
                f"{SIGN_TOLERANCE:.0e}"
            )
        if self.most_other_signs > MOST_OTHER_SIGNS:
            return (
                f"the file takes other signs for {self.most_other_signs:.0%} of a layer's inputs, which are zero in "
                f"{self.reference}: more than the {MOST_OTHER_SIGNS:.0%} that rounding explains"
            )
        if self.most_lsb > MOST_LSB:
            return (
                f"an int8 value of the file is {self.most_lsb} LSB from that of {self.reference} on the same inputs, "
                f"and rounding explains {MOST_LSB}"
            )
        if self.max_rel_difference > TOLERANCE:
            return (
                f"the scores differ by {self.max_rel_difference:.1e} of the largest score, and rounding explains "
                f"{TOLERANCE:.0e}"
            )
        return None

    @property
    def passed(self) -> bool:
        """Whether the file computes what the model does."""
        return self.failure is None

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields, `passed` and `failure` as JSON values."""
        return {**asdict(self), "passed": self.passed, "failure": self.failure}


def summary(
    scores: np.ndarray,
    keras: np.ndarray,
    same: np.ndarray,
    other_signs: np.ndarray,
    largest_other: np.ndarray,
    steps: np.ndarray,
    other_int8: np.ndarray,
    labels: np.ndarray | None,
) -> Verification:
    """Sums up scores [N, classes] of the file, of Keras and of Keras with the file's signs, and the differences [N]."""
    finite = bool(np.isfinite(scores).all() and np.isfinite(keras).all() and np.isfinite(same).all())
    difference = float(np.abs(scores - same).max()) if finite else 0.0
    largest = float(np.abs(same).max()) if finite else 0.0
    classes, keras_classes = scores.argmax(axis=1), keras.argmax(axis=1)
    return Verification(
        images=len(scores),
        max_abs_difference=difference,
        max_rel_difference=difference / largest if largest else difference,
        images_with_other_signs=int(np.count_nonzero(other_signs)),
        largest_other_sign=float(largest_other.max()) if finite else 0.0,
        most_other_signs=float(other_signs.max()),
        top1_agreement=float(np.mean(classes == keras_classes)),
        keras_accuracy=None if labels is None else float(np.mean(keras_classes == labels)),
        file_accuracy=None if labels is None else float(np.mean(classes == labels)),
        finite=finite,
        most_lsb=int(steps.max()),
        other_int8=float(other_int8.mean()),
    )
