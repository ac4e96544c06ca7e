"""Rules that shape answers: kept as data, checked before they are stored, tried out beforehand."""

import time
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from sqlalchemy import Connection

from cuvee.serve.access import Actor, needs
from cuvee.serve.answers import shown_items
from cuvee.serve.checking import checked
from cuvee.serve.experiments import filled_in
from cuvee.serve.problems import Problem
from cuvee.serve.profiles import query_of
from cuvee.serve.routes.recommendations import check, encoded, looked_up, profile_for, wish_of
from cuvee.serve.rule_bodies import CheckedOut, RuleId, RuleIn, RuleOut, RulesIn, Simulated, SimulateIn, stored_rule
from cuvee.serve.service import Here
from cuvee.serve.simulation import Moment, merged, moves, taken_out
from cuvee.serve.snapshot import Snapshot, shaped, with_rules
from cuvee.sql.rules import Rule, delete_rule, put_rule

__all__ = ["router"]

router = APIRouter(prefix="/v1/rules", tags=["rules"])

Name = Annotated[RuleId, Path()]

_COLUMNS = ("rule", "kind", "scenario", "priority", "enabled", "valid_from", "valid_until")


@router.get("", dependencies=[needs("admin")])
async def list_rules(service: Here) -> dict[str, list[RuleOut]]:
    """Return every rule, by priority."""
    snapshot = service.fresh()
    return {"rules": [_out(rule, snapshot) for rule in snapshot.book.stored]}


@router.post(":validate", dependencies=[needs("admin")])
async def validate_rules(body: RulesIn, service: Here) -> CheckedOut:
    """Check rules against the catalogue and one another, without storing them."""
    snapshot = service.fresh()
    rules = [stored_rule(r.rule, r) for r in body.rules]
    others = [r for r in snapshot.book.stored if r.rule not in {new.rule for new in rules}]
    found = [checked(rule, [*rules, *others], snapshot, time.time()) for rule in rules]
    return CheckedOut(valid=all(c.valid for c in found), rules=found)


@router.post(":simulate", dependencies=[needs("admin")])
async def simulate_rules(body: SimulateIn, service: Here) -> Simulated:
    """Answer a request as the rules stand and with those given among them; neither is stored, nobody is shown it."""
    asked = body.request
    check(asked)
    snapshot, past, seen, arm = looked_up(service, asked)
    asked = asked if arm is None else filled_in(asked, arm.arm.settings)
    after = with_rules(snapshot, merged(snapshot.book.stored, [stored_rule(r.rule, r) for r in body.rules]))
    wrong = [f"{r.rule}: {after.book.errors[r.rule]}" for r in body.rules if r.rule in after.book.errors]
    if wrong:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(wrong))
    touched, _ = snapshot.known(asked.items if asked.personal else [])
    profile = await encoded(snapshot, asked)
    if asked.user_id is None:
        queries = snapshot.session(touched, profile)
    else:
        queries = await query_of(snapshot, asked.user_id, past)
    wish, _ = wish_of(snapshot, asked, time.monotonic())
    now = time.time() if body.at is None else body.at
    moment = Moment(asked.scenario, now, profile_for(after, asked, past), seen)
    slates, acting, shown, out = [], [], [], []
    for one in (snapshot, after):
        effects = one.book.effects(*vars(moment).values())
        slate, acted = shaped(one, queries, replace(wish, effects=effects))
        slates.append(slate)
        acting.append(acted)
        shown.append(shown_items(one, queries, slate, acted, reasons=asked.reasons, weights=wish.weights))
        out += taken_out(one.book, moment)
    moved = moves((slates[0], slates[1]), (acting[0], acting[1]), out, snapshot.bundle.data.items)
    return Simulated(before=shown[0], after=shown[1], moved=moved)


@router.get("/{rule:path}", dependencies=[needs("admin")])
async def get_rule(rule: Name, service: Here) -> RuleOut:
    """Return a rule."""
    snapshot = service.fresh()
    found = next((r for r in snapshot.book.stored if r.rule == rule), None)
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no rule {rule!r}")
    return _out(found, snapshot)


@router.put("/{rule:path}", dependencies=[needs("admin")])
async def store_rule(rule: Name, body: RuleIn, service: Here, actor: Actor) -> RuleOut:
    """Store a rule, in the place of that of its name; it acts in the very next answer, whichever process gives it."""
    new = stored_rule(rule, body)
    snapshot = service.fresh()
    wrong = checked(new, (), snapshot, time.time()).errors
    if wrong:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(f"{e.field}: {e.message}" for e in wrong))

    def store(connection: Connection) -> bool:
        return put_rule(connection, new, actor)

    await service.writer.write(store)
    with service.reach.reading() as connection:
        return _out(new, service.follow(connection))


@router.delete("/{rule:path}", status_code=HTTPStatus.NO_CONTENT, dependencies=[needs("admin")])
async def remove_rule(rule: Name, service: Here, actor: Actor) -> None:
    """Delete a rule; the very next answer is without it."""

    def remove(connection: Connection) -> bool:
        return delete_rule(connection, rule, actor)

    if not await service.writer.write(remove):
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no rule {rule!r}")


def _out(rule: Rule, snapshot: Snapshot) -> RuleOut:
    definition = {n: v for n, v in vars(rule).items() if n not in _COLUMNS and v != getattr(Rule, n)}
    plain = {name: getattr(rule, name) for name in _COLUMNS}
    return RuleOut(**plain, definition=definition, error=snapshot.book.errors.get(rule.rule))
