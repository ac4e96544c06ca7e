"""Experiments: arms with shares, started and stopped, and what came of them."""

import asyncio
import time
from http import HTTPStatus
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path
from sqlalchemy import Connection

from cuvee.errors import ConfigError, UnknownNameError, nearest
from cuvee.serve.access import Actor, needs
from cuvee.serve.bodies import Asked
from cuvee.serve.experiment_bodies import ArmOut, ExperimentId, ExperimentIn, ExperimentOut, ResultOut, stored
from cuvee.serve.experiments import MOST_VERSIONS, filled_in, versions_of
from cuvee.serve.problems import Problem
from cuvee.serve.results import Results, results_of
from cuvee.serve.routes.recommendations import wish_of
from cuvee.serve.service import Here, Service
from cuvee.sql.experiments import Experiment, all_experiments, delete_experiment, put_experiment, set_state
from cuvee.sql.models import known_versions
from cuvee.sql.rules import ANY

__all__ = ["router"]

router = APIRouter(prefix="/v1/experiments", tags=["experiments"])

Name = Annotated[ExperimentId, Path()]


@router.get("", dependencies=[needs("admin")])
async def list_experiments(service: Here) -> dict[str, list[ExperimentOut]]:
    """Return every experiment, without results."""
    with service.reach.reading() as connection:
        service.follow(connection)
        return {"experiments": [ExperimentOut(**_plain(e, service)) for e in all_experiments(connection)]}


@router.get("/{experiment:path}", dependencies=[needs("admin")])
async def get_experiment(experiment: Name, service: Here) -> ResultOut:
    """Return an experiment and its results: a person counts once, with the events that name an answer of their arm."""
    service.fresh()

    def results() -> tuple[Experiment, Results]:
        with service.reach.reading() as connection:
            found = _known(connection, experiment)
            return found, results_of(connection, found)

    found, told = await asyncio.to_thread(results)
    return ResultOut(
        **_plain(found, service),
        results=told.arms,
        mixed=told.mixed,
        sample_ratio_p=told.sample_ratio_p,
        warnings=told.warnings,
    )


@router.put("/{experiment:path}", dependencies=[needs("admin")])
async def store_experiment(experiment: Name, body: ExperimentIn, service: Here, actor: Actor) -> ExperimentOut:
    """Store an experiment that does not run yet; one that runs cannot be changed, since people stay in their arms."""
    new = stored(experiment, body)

    def store(connection: Connection) -> Experiment:
        _check_versions(connection, new)
        old = next((e for e in all_experiments(connection) if e.experiment == experiment), None)
        if old is not None and old.state == "running":
            told = (
                f"{experiment!r} runs: a change would move people from arm to arm; stop it, change it, start it again"
            )
            raise Problem(HTTPStatus.CONFLICT, told)
        put_experiment(connection, new, actor)
        return _known(connection, experiment)

    return ExperimentOut(**_plain(await service.writer.write(store), service))


@router.post("/{experiment:path}:start", dependencies=[needs("admin")])
async def start(experiment: Name, service: Here, actor: Actor) -> ExperimentOut:
    """Start an experiment, or start it again: results count from now on."""

    def begin(connection: Connection) -> Experiment:
        found = _known(connection, experiment)
        if found.state == "running":
            raise Problem(HTTPStatus.CONFLICT, f"{experiment!r} runs already")
        _check_versions(connection, found)
        _check_settings(service, found)
        others = [e for e in all_experiments(connection) if e.state == "running"]
        for other in others:
            if found.scenario == other.scenario or ANY in (found.scenario, other.scenario):
                told = f"{other.experiment!r} runs in the same scenario: an answer has one arm; stop that one first"
                raise Problem(HTTPStatus.CONFLICT, told)
        if len(versions_of([found, *others])) > MOST_VERSIONS:
            told = f"the arms that run would need more than {MOST_VERSIONS} models beside the one that answers"
            raise Problem(HTTPStatus.CONFLICT, told)
        set_state(connection, experiment, "running", actor)
        return _known(connection, experiment)

    return ExperimentOut(**_plain(await service.writer.write(begin), service))


@router.post("/{experiment:path}:stop", dependencies=[needs("admin")])
async def stop(experiment: Name, service: Here, actor: Actor) -> ExperimentOut:
    """Stop an experiment: the very next answer is as without it; its results stay."""

    def end(connection: Connection) -> Experiment:
        if _known(connection, experiment).state != "running":
            raise Problem(HTTPStatus.CONFLICT, f"{experiment!r} does not run")
        set_state(connection, experiment, "stopped", actor)
        return _known(connection, experiment)

    return ExperimentOut(**_plain(await service.writer.write(end), service))


@router.delete("/{experiment:path}", status_code=HTTPStatus.NO_CONTENT, dependencies=[needs("admin")])
async def remove(experiment: Name, service: Here, actor: Actor) -> None:
    """Delete an experiment that does not run, and its results."""

    def delete(connection: Connection) -> None:
        if _known(connection, experiment).state == "running":
            raise Problem(HTTPStatus.CONFLICT, f"{experiment!r} runs; stop it first")
        delete_experiment(connection, experiment, actor)

    await service.writer.write(delete)


def _known(connection: Connection, experiment: str) -> Experiment:
    everything = {e.experiment: e for e in all_experiments(connection)}
    if experiment not in everything:
        close = nearest(experiment, everything)
        hint = f"; did you mean {close!r}?" if close else ""
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no experiment {experiment!r}{hint}")
    return everything[experiment]


def _check_versions(connection: Connection, experiment: Experiment) -> None:
    known = {v.version for v in known_versions(connection)}
    for version in versions_of([experiment]):
        if version not in known:
            told = f"there is no model version {version!r} (known: {', '.join(sorted(known)[:20])})"
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, told)


def _check_settings(service: Service, experiment: Experiment) -> None:
    """Answer for nobody by every arm whose model is here: what cannot be answered is no arm."""
    for arm in experiment.arms:
        snapshot = service.snapshot
        if "version" in arm.settings:
            own = service.snapshot_of_version(str(arm.settings["version"]))
            if own is None:
                continue
            snapshot = own
        try:
            wish, _ = wish_of(snapshot, filled_in(Asked.model_validate({}), arm.settings), time.monotonic())
            snapshot.answer(snapshot.session(np.zeros(0, np.int32)), wish)
        except (ConfigError, UnknownNameError) as error:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"arm {arm.arm!r}: {error}") from error


def _plain(found: Experiment, service: Service) -> dict[str, Any]:
    arms = []
    for arm in found.arms:
        version = arm.settings.get("version")
        ready = version is None or service.snapshot_of_version(str(version)) is not None
        arms.append(ArmOut(arm=arm.arm, share=arm.share, settings=dict(arm.settings), ready=ready))
    return {**vars(found), "goals": list(found.goals), "arms": arms}
