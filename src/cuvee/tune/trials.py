"""Trials by Optuna in a SQLite file: asked for and told by any number of processes, kept whatever is killed.

The n-th trial of a worker is drawn with a seed of its own from what is finished by then, so one worker that was
interrupted goes on as if it had not been. The same parameters are not fitted twice.

Reference: J. Bergstra, R. Bardenet, Y. Bengio, B. Kégl, "Algorithms for hyper-parameter optimization", NeurIPS 2011
(TPE), here the multivariate one of S. Falkner, A. Klein, F. Hutter, "BOHB", ICML 2018.
"""

import fcntl
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cuvee.errors import ConfigError
from cuvee.ranges import Range
from cuvee.recipe import Recipe
from cuvee.tune.space import Space
from cuvee.types import Floats

try:
    import optuna
    from optuna import Study
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
    from optuna.trial import FrozenTrial, TrialState
except ModuleNotFoundError as error:
    raise ConfigError(
        f"`cuvee tune` needs {error.name}, which comes with the extra: pip install 'cuvee[tune]'"
    ) from error

__all__ = ["Study", "abandon", "alone", "done", "importances", "open_study", "values_of", "work"]

optuna.logging.set_verbosity(optuna.logging.WARNING)

_STARTS, _ENOUGH = 10, 10
"""Trials drawn at random before any is drawn by what is known; trials below which nothing is said of what mattered."""
_WAIT = 60
"""Seconds that a process waits for the others to finish writing."""


def open_study(out: Path) -> Study:
    """Return the study in a folder, made where there is none."""
    storage = optuna.storages.RDBStorage(
        f"sqlite:///{out / 'trials.db'}", engine_kwargs={"connect_args": {"timeout": _WAIT}}
    )
    return optuna.create_study(study_name="tune", storage=storage, direction="maximize", load_if_exists=True)


@contextmanager
def alone(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold a lock that the system lifts when the process ends, however it ends.

    Raises:
        ConfigError: another process holds it, and this one is not to wait.
    """
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise ConfigError(
                f"another `cuvee tune` is at work in {path.parent}; wait for it or use another --out"
            ) from error
        yield


def abandon(study: Study, space: Space) -> None:
    """Give up trials whose process was killed, and see to it that the recipe as it stands is the first one."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    if not study.get_trials(deepcopy=False, states=(*_ENDED, TrialState.WAITING)):
        study.enqueue_trial({path: _told(space.ranges[path], value) for path, value in space.start.items()})


_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
"""Measured, or found impossible."""


def done(study: Study) -> list[FrozenTrial]:
    """Return the trials that ended, in order; one that proved impossible has no value, and the reason in `error`."""
    return study.get_trials(deepcopy=False, states=_ENDED)


def work(
    out: Path,
    space: Space,
    measure: Callable[[Recipe], Floats],
    *,
    trials: int,
    until: float,
    seed: int,
    worker: int = 0,
    workers: int = 1,
    tell: Callable[[int], None] | None = None,
) -> None:
    """Do trials until so many have ended, those before included, or it is `until` (unix seconds)."""
    study = open_study(out)
    while time.time() < until:
        trial = _ask(study, out, space, trials, (seed, worker), liar=workers > 1)
        if trial is None:
            return
        try:
            _measure(study, trial, space, measure, out)
        except ConfigError as error:
            trial.set_user_attr("error", str(error))
            study.tell(trial, state=TrialState.PRUNED)
        if tell is not None:
            tell(len(done(study)))


def _ask(
    study: Study, out: Path, space: Space, trials: int, seed: tuple[int, int], *, liar: bool
) -> optuna.Trial | None:
    """Return the next trial, None when there are enough; one process at a time."""
    with alone(out / "ask.lock", wait=True):
        ended = len(done(study))
        if ended + len(study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))) >= trials:
            return None
        own = int(np.random.SeedSequence([*seed, ended]).generate_state(1)[0])
        study.sampler = optuna.samplers.TPESampler(
            n_startup_trials=_STARTS, multivariate=True, constant_liar=liar, seed=own
        )
        return study.ask({path: _distribution(found) for path, found in space.ranges.items()})


def _measure(study: Study, trial: optuna.Trial, space: Space, measure: Callable[[Recipe], Floats], out: Path) -> None:
    before = [t for t in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)) if t.params == trial.params]
    start = time.perf_counter()
    found = np.load(_file(out, before[0].number)) if before else measure(space.at(values_of(trial.params, space)))
    np.save(_file(out, trial.number), found)
    trial.set_user_attr("seconds", round(time.perf_counter() - start, 3))
    study.tell(trial, float(found.mean()))


def _file(out: Path, number: int) -> Path:
    folder = out / "queries"
    folder.mkdir(exist_ok=True)
    return folder / f"{number}.npy"


def values_of(params: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Return path -> value of what a trial drew."""
    return {path: json.loads(v) if space.ranges[path].choices else v for path, v in params.items()}


def importances(study: Study) -> dict[str, float]:
    """Return path -> share of what mattered; empty where too few trials differ.

    Reference: S. Watanabe, A. Bansal, F. Hutter, "PED-ANOVA", IJCAI 2023.
    """
    values = [t.value for t in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))]
    if len({*values}) < _ENOUGH:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {str(path): float(share) for path, share in found.items()}


def _told(found: Range, value: Any) -> Any:
    return json.dumps(value) if found.choices else value


def _distribution(found: Range) -> BaseDistribution:
    if found.choices:
        return CategoricalDistribution([json.dumps(choice) for choice in found.choices])
    assert found.low is not None
    assert found.high is not None
    if isinstance(found.low, int):
        return IntDistribution(found.low, int(found.high), log=found.log)
    return FloatDistribution(found.low, found.high, log=found.log)
