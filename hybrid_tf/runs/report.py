"""The report of a finished run: what its network gives on the test images, and what its weights take."""

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Weights:
    """Weights of the convolutions and dense layers.

    Attributes:
        full_precision: number of weights of 32 bits.
        binary: number of weights of 1 bit.
        bytes: memory of all these weights, in bytes.
        full_precision_twin: number of weights of the full-precision twin.
    """

    full_precision: int
    binary: int
    bytes: int
    full_precision_twin: int


@dataclass(frozen=True)
class Parameters:
    """All parameters of a network, batch norm and biases included: those that are trained, and all of them."""

    trainable: int
    total: int


@dataclass(frozen=True)
class Report:
    """The result of a finished run, as `report.json` holds it.

    Attributes:
        network, plan, dataset, seed: settings of the run.
        epochs: number of epochs that were run.
        best_epoch: number of the epoch whose weights count, from 1.
        validation_accuracy: top-1 accuracy of the best weights on held-out images, 0 to 1; `None` where none were held
            out.
        test_accuracy: top-1 accuracy on all test images, 0 to 1.
        test_loss: mean cross-entropy on all test images.
        test_images: number of test images.
        seconds: duration of the training in seconds, since the last start when the run was resumed.
        weights: numbers and memory of the weights of convolutions and dense layers.
        compression: memory of the full-precision twin's weights over that of this network's.
        parameters: numbers of parameters of the whole network.
        larq_bytes: memory of all parameters in bytes, as `larq.models.summary` counts it.
        validation_images: number of held-out images; `None` in reports of older versions.
        planned_epochs: number of epochs that the settings ask for, more than `epochs` when patience ended the training;
            `None` in older reports.
    """

    network: str
    plan: str
    dataset: str
    seed: int
    epochs: int
    best_epoch: int
    validation_accuracy: float | None
    test_accuracy: float
    test_loss: float
    test_images: int
    seconds: float
    weights: Weights
    compression: float
    parameters: Parameters
    larq_bytes: int
    planned_epochs: int | None = None
    validation_images: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Report":
        """Returns the report that `to_dict` described.

        Raises:
            KeyError, TypeError, ValueError: for what no training writes: the file may come from anywhere.
        """
        report = cls(
            **values | {"weights": Weights(**values["weights"]), "parameters": Parameters(**values["parameters"])}
        )
        for part in (report, report.weights, report.parameters):
            for field in fields(part):
                value = getattr(part, field.name)
                if not isinstance(value, _KINDS[field.type]) or isinstance(value, bool):
                    raise ValueError(f"{field.name} {value!r}")
                if isinstance(value, (int, float)) and not 0 <= value <= _LARGEST.get(field.name, _MOST):
                    raise ValueError(f"{field.name} {value!r}")
        return report


# No number of a report is negative, or larger than this.
_MOST = 2.0**62
_LARGEST = {"validation_accuracy": 1.0, "test_accuracy": 1.0}
_KINDS: dict[Any, Any] = {
    str: str, int: int, float: (int, float), float | None: (int, float, type(None)),
    int | None: (int, type(None)),
    Weights: Weights, Parameters: Parameters,
}  # fmt: skip
