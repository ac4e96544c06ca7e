"""From a slate to what an answer says of each place."""

import numpy as np

from cuvee.serve.bodies import ReasonOut, Shown
from cuvee.serve.snapshot import Snapshot
from cuvee.types import PAD, Queries, Slate

__all__ = ["shown_items"]


def shown_items(snapshot: Snapshot, queries: Queries, slate: Slate, *, reasons: bool) -> list[Shown]:
    """Return the places of the one slate that hold an item, with why it is there, where that is asked."""
    why = snapshot.reasons(queries, slate) if reasons else [()] * slate.items.shape[1]
    found = []
    for place in np.flatnonzero(slate.items[0] != PAD).tolist():
        row = int(slate.items[0, place])
        found.append(
            Shown(
                item_id=snapshot.bundle.data.items[row],
                title=snapshot.titles[row],
                score=float(slate.scores[0, place]),
                propensity=float(slate.propensity[0, place]),
                reasons=[
                    ReasonOut(kind=r.kind, weight=r.weight, text=r.text, evidence=dict(r.evidence)) for r in why[place]
                ],
            )
        )
    return found
