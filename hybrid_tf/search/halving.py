"""Successive halving over epochs (arXiv 1810.05934), by Optuna's pruner, among trials that cost about the same.

Optuna prunes trials of one objective. A search has several, and to stop a small network because a large one is more
accurate would leave the cheap end of the Pareto front empty. So each octave of the first budget has a study of its own,
of the accuracy alone, in which a trial of the search is a trial, too; they lie beside the search's in the storage.
"""

import math
from dataclasses import dataclass

from optuna import Trial
from optuna.pruners import SuccessiveHalvingPruner
from optuna.trial import TrialState

from hybrid_tf.search.storage import Storage

REDUCTION = 3
_OWNER = "trial"


@dataclass(frozen=True)
class Race:
    """A trial among those of about the same cost.

    Attributes:
        trial: its trial in the study of its octave.
    """

    trial: Trial

    def goes_on(self, epoch: int, accuracy: float) -> bool:
        """Returns whether a trial whose network has an accuracy after an epoch, from 1, is worth more epochs."""
        self.trial.report(accuracy, epoch)
        return not self.trial.should_prune()

    def end(self, accuracy: float | None) -> None:
        """Ends the race with the last accuracy, or None where the trial was stopped or failed."""
        state = TrialState.PRUNED if accuracy is None else TrialState.COMPLETE
        self.trial.study.tell(self.trial.number, accuracy, state=state, skip_if_finished=True)


def enter_race(storage: Storage, name: str, number: int, share: float, epochs: int) -> Race:
    """Returns the race of trial `number`, which it goes on with if it was in it when its process was killed.

    Args:
        storage: storage of the search.
        name: name of the search's study.
        number: number of the trial in it.
        share: first cost of the trial's network as a share of its budget, which decides the octave.
        epochs: number of epochs of a whole training.
    """
    octave = math.floor(math.log2(max(share, 2**-20)))
    study = storage.study(f"{name}, halving {octave}", ["maximize"])
    study.pruner = SuccessiveHalvingPruner(
        min_resource=max(1, round(epochs / REDUCTION**2)), reduction_factor=REDUCTION
    )
    for trial in study.get_trials(deepcopy=False):
        if trial.user_attrs.get(_OWNER) == number and not trial.state.is_finished():
            return Race(Trial(study, trial._trial_id))
    trial = study.ask()
    trial.set_user_attr(_OWNER, number)
    return Race(trial)
