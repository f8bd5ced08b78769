"""The search: trials until there are enough, each a candidate whose costs are known to fit before it is trained."""

import gc
import itertools
import socket
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tensorflow as tf
from optuna import Trial
from optuna.samplers import TPESampler
from optuna.study import Study
from optuna.trial import TrialState

from hybrid_tf.config import Config
from hybrid_tf.deploy.conversion import Int8Options, convert_run
from hybrid_tf.deploy.engines import fastest_engine, scores_in
from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.graph import MAC_KINDS
from hybrid_tf.models.plan import Plan
from hybrid_tf.models.registry import find_network
from hybrid_tf.runs.lock import locked
from hybrid_tf.runs.run import Run, dataset_of
from hybrid_tf.search.budgets import Budget, excess
from hybrid_tf.search.costs import SIZES, Costs
from hybrid_tf.search.halving import Race, enter_race
from hybrid_tf.search.latency import read_latency_table
from hybrid_tf.search.space import FIXED_PLANS, INT8, Candidate, Space
from hybrid_tf.search.storage import SETTINGS, Storage, check_settings, open_storage
from hybrid_tf.search.trials import (
    FAILED,
    FINISHED,
    FIXED,
    HALVED,
    HOST,
    SURPLUS,
    TOO_LARGE,
    TRAINED,
    TWICE,
    Tried,
    end,
    folder_of,
    note,
    tried,
)
from hybrid_tf.system.lock import waited_for
from hybrid_tf.system.notices import say
from hybrid_tf.tables import percent
from hybrid_tf.training.session import train

_IN_VAIN = 60  # proposals in a row that are nothing to train, after which the space counts as searched
_BATCH = 64
_OF_THE_SPACE = ("network", "plan", "width", "head", "input_size", "shifts")


class _Halved(Exception):
    """Raised within a training that is not worth more epochs."""


@dataclass(frozen=True)
class Search:
    """A search under way.

    Attributes:
        folder: folder of the search.
        config: settings that all trainings share.
        budgets: budgets, at least one.
        space: what is chosen from.
        trials: number of networks to train.
        costs: costs of candidates.
        storage: storage of the study.
        study: study of the search.
    """

    folder: Path
    config: Config
    budgets: tuple[Budget, ...]
    space: Space
    trials: int
    costs: Costs
    storage: Storage
    study: Study

    def run(self) -> None:
        """Goes on with trials whose process was killed, then begins new ones until there are enough.

        Raises:
            KeyboardInterrupt: on Ctrl-C or SIGTERM, which says how to go on.
        """
        try:
            self._run_trials()
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt("stopped: the same command goes on with the search") from stop

    def _run_trials(self) -> None:
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.user_attrs.get(HOST, self._host) == self._host:
                self._claimed(Trial(self.study, trial._trial_id))
        in_vain = 0
        while in_vain < _IN_VAIN and self._counted() < self.trials:
            # Of its own for each trial, so that neither a kill nor another worker changes what is proposed next.
            seed = self.config.seed + len(self.study.get_trials(deepcopy=False))
            self.study.sampler = TPESampler(seed=seed, multivariate=True, group=True)
            trial = self.study.ask()
            in_vain = 0 if self._claimed(trial) else in_vain + 1
        if in_vain == _IN_VAIN:
            say(f"note: {_IN_VAIN} proposals in a row brought no new network: the space is searched")

    @property
    def _host(self) -> str:
        return f"{socket.gethostname()}:{self.folder.resolve()}"

    def _counted(self, before: int | None = None) -> int:
        """Returns the number of trials that are trained or were, those before a number or all."""
        return sum(before is None or one.number < before for one in self._trained())

    def _claimed(self, trial: Trial) -> bool:
        """Runs a trial unless another process does, and returns whether it trained something."""
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(self.folder / "claims" / str(trial.number)))
            except HybridTFError:
                return False
            if self.study.get_trials(deepcopy=False)[trial.number].state.is_finished():  # by who has just let go of it
                return False
            return self._run(trial)

    def _run(self, trial: Trial) -> bool:
        note(trial, **{HOST: self._host})
        if self._counted(before=trial.number) >= self.trials:
            end(trial, SURPLUS)
            return False
        proposed, share = self.space.suggest(trial)
        found = self.costs.widest(proposed, share)
        if found is None:
            end(trial, TOO_LARGE, candidate=proposed)
            return False
        candidate, costs = found
        if any(one.candidate == candidate and one.number != trial.number for one in self._trained()):
            end(trial, TWICE, candidate=candidate)
            return False
        folder = folder_of(self.folder, trial.number)
        note(trial, candidate=candidate, costs=costs, folder=str(folder.resolve()))
        say(f"trial {trial.number}: {candidate}; " + ", ".join(b.text(costs[b.name]) for b in self.budgets))
        first = self.budgets[0]
        race = enter_race(
            self.storage,
            self.study.study_name,
            trial.number,
            costs[first.name] / first.limit,
            self.config.run_epochs,
        )
        try:
            self._train(trial, candidate, costs, folder, race)
        except _Halved:
            race.end(None)
            end(trial, HALVED)
        except (HybridTFError, tf.errors.OpError, MemoryError) as error:
            race.end(None)
            text = " ".join(str(error).split()) or repr(error)
            say(f"trial {trial.number} failed, the search goes on: {text}")
            end(trial, FAILED, error=text)
        tf.keras.backend.clear_session()
        gc.collect()
        return True

    def _trained(self) -> list[Tried]:
        return [one for one in tried(self.study) if one.outcome in TRAINED]

    def _train(self, trial: Trial, candidate: Candidate, costs: dict[str, float], folder: Path, race: Race) -> None:
        fixed = bool(trial.user_attrs.get(FIXED))

        def after_epoch(row: dict[str, float]) -> None:
            accuracy, epoch = row["val_accuracy"], int(row["epoch"])
            note(trial, accuracy=accuracy, epochs=epoch)
            # What others are compared with is trained to its end.
            if not race.goes_on(epoch, accuracy) and not fixed and epoch < self.config.run_epochs:
                raise _Halved

        run = train(self.config.with_changes(**candidate.settings), folder, resume=True, after_epoch=after_epoch)
        int8 = Int8Options() if candidate.precision == INT8 else None
        conversion, _ = convert_run(folder, int8=int8)
        grown = conversion.bytes - self.costs.file_bytes(candidate)
        costs = costs | {name: costs[name] + grown for name in SIZES if name in costs}
        accuracy = file_accuracy(run, Path(conversion.path)) if int8 else run.report.validation_accuracy
        race.end(accuracy)
        if excess(self.budgets, costs) > 1:
            raise HybridTFError(f"its file has {conversion.bytes:,} bytes once trained, more than was foreseen")
        values = [accuracy, *(costs[budget.name] for budget in self.budgets)]
        end(trial, FINISHED, values, costs=costs, accuracy=accuracy, epochs=run.report.epochs)
        say(f"trial {trial.number}: {percent(accuracy)} of the held-out images right")


def file_accuracy(run: Run, file: Path) -> float:
    """Returns the top-1 accuracy of a run's file on the held-out images of its data set, 0 to 1."""
    scores, right, held_out = scores_in(fastest_engine(file), file), 0, run.load_dataset().validation
    for images, labels in held_out.batches(_BATCH, run.normalisation):
        right += int(np.sum(np.asarray(scores(images.numpy())).argmax(axis=1) == labels.numpy()))
    return right / held_out.size


def start_search(
    folder: Path,
    config: Config,
    budgets: tuple[Budget, ...],
    space: Space,
    trials: int,
    storage: str | None = None,
) -> Search:
    """Returns a search, new or one to go on with, whose budgets something can meet.

    Args:
        folder: folder of the search: run folders, sizes of files and, without `storage`, the study.
        config: settings that all trainings share; what the space decides is not used.
        budgets: budgets, at least one.
        space: what to choose from; without input sizes, the data set's own.
        trials: number of networks to train.
        storage: URL of the database of the study; None for a file in `folder`.

    Raises:
        HybridTFError: when the data set, a latency table or the storage cannot be had, nothing in the space meets the
            budgets (saying what comes nearest), or the search in the folder was started with other settings.
    """
    if not config.validation:
        raise HybridTFError("a search chooses by held-out images, and --validation 0 holds out none: leave it out")
    for network, plan in itertools.product(space.networks, space.plans):
        row = find_network(network)
        Plan.parse(plan).check(row.layers(row.heads[-1]))
    tables = {budget.table: read_latency_table(budget.table) for budget in budgets if budget.table}
    for table in tables.values():
        table.check(MAC_KINDS)
    config = config.with_absolute_paths()
    data = dataset_of(config.with_changes(input_size=space.input_sizes[0] if space.input_sizes else None))
    if not space.input_sizes:
        space = replace(space, input_sizes=(data.image_shape[0],))
    costs = Costs(budgets, tables, data, folder / "sizes")
    opened = open_storage(storage, folder)
    study = opened.study(folder.resolve().name, ["maximize", *("minimize" for _ in budgets)])
    settings = {name: value for name, value in config.to_dict().items() if name not in _OF_THE_SPACE}
    settings |= {"budget": [str(budget) for budget in budgets], "network": list(space.networks)}
    settings |= {"plan": list(space.plans), "input_size": list(space.input_sizes)}
    with waited_for(folder / ".start"):
        if SETTINGS not in study.user_attrs:
            _check_budgets(costs, space)
            # Half of the trials, and a whole one of each network, may begin with what everybody would try first.
            for values in space.fixed_plans()[: max(len(FIXED_PLANS), trials // 2)]:
                study.enqueue_trial(values, user_attrs={FIXED: True}, skip_if_exists=True)
        check_settings(study, settings)
    return Search(folder, config, budgets, space, trials, costs, opened, study)


def _check_budgets(costs: Costs, space: Space) -> None:
    """Raises HybridTFError, with the nearest network, when no network of the space meets the budgets."""
    narrowest = space.narrowest()
    if any(costs.widest(candidate) for candidate in narrowest):
        return
    nearest, values = costs.nearest(narrowest)
    if excess(costs.budgets, values) > 1:
        over = (budget for budget in costs.budgets if values[budget.name] > budget.limit)
        asked = ", ".join(str(budget) for budget in over)
        has = ", ".join(f"{budget.name} {budget.text(values[budget.name])}" for budget in costs.budgets)
        raise HybridTFError(
            f"no network of the search meets the budgets ({asked}): the nearest is {nearest}, with {has}"
        )
