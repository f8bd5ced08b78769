"""What is known of a trial, as the study keeps it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from hybrid_tf.models.plan import FULL_PRECISION
from hybrid_tf.search.space import Candidate

FINISHED, HALVED, FAILED = "finished", "stopped by halving", "failed"
RUNNING, TOO_LARGE, TWICE, SURPLUS = "running", "does not fit", "was tried before", "is one too many"
TRAINED = (FINISHED, HALVED, FAILED, RUNNING)  # those that count
_STATES = {FINISHED: TrialState.COMPLETE, FAILED: TrialState.FAIL, SURPLUS: TrialState.FAIL}
FIXED, HOST = "fixed plan", "host"


@dataclass(frozen=True)
class Tried:
    """A trial.

    Attributes:
        number: number of the trial in its study.
        outcome: what became of it.
        candidate: network of the trial; None as long as it has none.
        costs: budgeted costs by the budget's name; the size is that of the file, once there is one.
        accuracy: top-1 accuracy on the held-out images, 0 to 1: of the file where the trial is finished, else of the
            network after its last epoch; None before the first.
        epochs: number of epochs that were trained.
        folder: run folder.
        fixed: whether it is one of the fixed plans that the search begins with.
        error: why it failed; empty where it did not.
    """

    number: int
    outcome: str
    candidate: Candidate | None = None
    costs: dict[str, float] | None = None
    accuracy: float | None = None
    epochs: int = 0
    folder: str = ""
    fixed: bool = False
    error: str = ""

    @classmethod
    def of(cls, trial: FrozenTrial) -> "Tried":
        """Returns what a study holds of a trial."""
        kept = trial.user_attrs
        outcome = kept.get("outcome", FAILED if trial.state.is_finished() else RUNNING)
        values = {name: kept[name] for name in ("costs", "accuracy", "epochs", "folder", "error") if name in kept}
        candidate = Candidate(**kept["candidate"]) if "candidate" in kept else None
        return cls(trial.number, outcome, candidate, fixed=bool(kept.get(FIXED)), **values)

    @property
    def has_binary(self) -> bool:
        """Whether anything in the network is binary."""
        return self.candidate is not None and self.candidate.plan != str(FULL_PRECISION)

    def to_dict(self) -> dict[str, Any]:
        """Returns the trial as JSON values."""
        return asdict(self)


def tried(study: Study) -> list[Tried]:
    """Returns all trials of a study that have begun, in their order."""
    return [Tried.of(trial) for trial in study.get_trials(deepcopy=False) if trial.state != TrialState.WAITING]


def note(trial: Trial, **values: Any) -> None:
    """Keeps values of a trial with it: fields of `Tried`, or HOST."""
    for name, value in values.items():
        trial.set_user_attr(name, asdict(value) if isinstance(value, Candidate) else value)


def end(trial: Trial, outcome: str, values: list[float] | None = None, **noted: Any) -> None:
    """Ends a trial with an outcome; a finished one has values, accuracy and costs."""
    note(trial, outcome=outcome, **noted)
    trial.study.tell(trial.number, values, state=_STATES.get(outcome, TrialState.PRUNED), skip_if_finished=True)


def folder_of(folder: Path, number: int) -> Path:
    """Returns the run folder of a trial in the folder of a search."""
    return folder / "trials" / str(number)
