"""From a slate to what an answer says of each place."""

from collections.abc import Mapping

import numpy as np

from cuvee.serve.bodies import ReasonOut, Shown
from cuvee.serve.effects import Effects
from cuvee.serve.snapshot import Snapshot
from cuvee.types import PAD, Queries, Reason, Slate

__all__ = ["shown_items"]


def shown_items(
    snapshot: Snapshot,
    queries: Queries,
    slate: Slate,
    effects: Effects | None = None,
    *,
    reasons: bool,
    weights: Mapping[str, float] | None = None,
) -> list[Shown]:
    """Return the places of the one slate that hold an item, with why it is there, where that is asked.

    What a rule has pinned is there for that reason alone. `weights` are those the slate was made with.
    """
    why = snapshot.reasons(queries, slate, weights) if reasons else [()] * slate.items.shape[1]
    found = []
    for place in np.flatnonzero(slate.items[0] != PAD).tolist():
        row = int(slate.items[0, place])
        pin = None if effects is None else next((p for p in effects.pins if p.row == row), None)
        given = why[place] if pin is None or not reasons else [_placed_by(snapshot, pin.rule, place)]
        found.append(
            Shown(
                item_id=snapshot.bundle.data.items[row],
                title=snapshot.titles[row],
                score=float(slate.scores[0, place]),
                propensity=float(slate.propensity[0, place]),
                reasons=[
                    ReasonOut(kind=r.kind, weight=r.weight, text=r.text, evidence=dict(r.evidence)) for r in given
                ],
                rules=[] if effects is None else effects.of(row),
            )
        )
    return found


def _placed_by(snapshot: Snapshot, name: str, place: int) -> Reason:
    title = next((rule.title for rule in snapshot.book.stored if rule.rule == name), "") or name
    return Reason("rule", 1.0, f"Placed here by the shop: {title}", {"rule": name, "position": float(place)})
