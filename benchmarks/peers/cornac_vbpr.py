"""Cornac: VBPR (He and McAuley, AAAI 2016), on all modalities side by side."""

from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from cornac.data import Dataset, ImageModality
from cornac.models import VBPR

from peers import Case, Scorer, Watch

CONTENT, COLD, PACKAGE = True, True, "cornac"
GRID = tuple({"k": 64, "k2": 64, "learning_rate": lr, "lambda_w": l2} for lr, l2 in ((0.001, 0.01), (0.001, 0.1)))
_EPOCHS = 200
_LOOK = 2
"""Epochs of one look at validation."""


def fit(case: Case, setting: dict[str, Any], watch: Watch) -> Scorer:
    pairs = case.liked.tocoo()
    features = case.joined
    users, items = ({row: row for row in range(size)} for size in case.liked.shape)
    rows = zip(pairs.row, pairs.col, pairs.data, strict=True)
    data = Dataset.build(rows, global_uid_map=users, global_iid_map=items, seed=0)
    data.add_modalities(item_image=ImageModality(features=features, ids=list(range(len(features))), normalized=True))
    learned: dict[str, Any] = {}

    def scorer(rows: Any) -> Any:
        m = model
        return m.beta_item + m.visual_bias + m.gamma_user[rows] @ m.gamma_item.T + m.theta_user[rows] @ m.theta_item.T

    for _ in range(0, _EPOCHS, _LOOK):
        # the library has no callback: it goes on from where it was, with fresh moments of Adam
        with redirect_stdout(StringIO()):  # it prints that it is done, each time
            model = VBPR(**setting, n_epochs=_LOOK, batch_size=1024, init_params=learned, verbose=False, seed=0)
            model.fit(data)
        learned = {
            **{"Bi": model.beta_item, "Gu": model.gamma_user, "Gi": model.gamma_item},
            **{"Tu": model.theta_user, "E": model.emb_matrix, "Bp": model.beta_prime},
        }
        watch.better(scorer)
        if watch.over:
            break
    return scorer
