"""RecTools: EASE (Steck, WWW 2019)."""

from typing import Any

import numpy as np
import pandas as pd
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import EASEModel

from peers import Case, Scorer, Watch

CONTENT, COLD, PACKAGE = False, False, "rectools"
GRID = tuple({"regularization": r} for r in (50.0, 100.0, 200.0, 500.0))


def fit(case: Case, setting: dict[str, Any], watch: Watch) -> Scorer:  # noqa: ARG001 - a closed form
    pairs = case.liked.tocoo()
    frame = pd.DataFrame({Columns.User: pairs.row, Columns.Item: pairs.col, Columns.Weight: pairs.data})
    data = Dataset.construct(frame.assign(**{Columns.Datetime: pd.Timestamp(0)}))
    model = EASEModel(**setting, recommend_n_threads=1)
    model.fit(data)
    place = data.item_id_map.external_ids  # row of theirs -> row of ours
    mine = case.liked[:, place]

    def scorer(users: Any) -> Any:
        scores = np.full((len(users), case.liked.shape[1]), -1e9, np.float32)
        scores[:, place] = mine[users] @ model.weight
        return scores

    return scorer
