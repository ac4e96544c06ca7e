"""The cut, the loss by hand, and that content carries over to an item that nobody has touched."""

import numpy as np
import pytest
import torch
from scipy import sparse

from cuvee.errors import ConfigError
from cuvee.fusion.weighted import Weighted
from cuvee.models.two_tower import TwoTower, _cut, _loss
from cuvee.queries import one_each
from cuvee.testing import toy


def test_a_history_is_cut_in_two() -> None:
    dense = (np.random.default_rng(0).random((40, 30)) < 0.4).astype(np.float32)
    dense[:, :2] = 1
    inputs, targets = (part.numpy() for part in _cut(sparse.csr_matrix(dense), np.random.default_rng(1)))
    np.testing.assert_array_equal(inputs + targets, dense)
    assert (inputs.sum(axis=1) >= 1).all()
    assert (targets.sum(axis=1) >= 1).all()


def test_loss_by_hand() -> None:
    """One user with item 0; items 0, 1, 2 at cosines 1, 1, 0; scale e^0; bias .5 on item 2; item 0 is masked."""
    items = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])

    class Fixed:
        scale, bias = torch.tensor(0.0), torch.tensor([0.0, 0.0, 0.5])

        def __call__(self) -> torch.Tensor:
            return items

    loss = _loss(Fixed(), (torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.0, 1.0, 0.0]])))
    assert float(loss) == pytest.approx(-np.log(np.e / (np.e + np.exp(0.5))), rel=1e-5)


def test_content_carries_over_to_an_item_without_events() -> None:
    """The toy's last item has no events; users of its own kind get it nearer than users of the other kind."""
    data = toy(users=120)
    text = data.feature("item", "text")
    model = TwoTower(Weighted(on=("text",)), dim=8, epochs=15, batch_size=30).fit(data, None, np.random.default_rng(0))
    nearest = np.argsort(-(text.vectors @ text.vectors[-1]) * text.present)
    like, unlike = nearest[nearest != len(data.items) - 1][:3], nearest[text.present[nearest]][-3:]
    queries = one_each(len(data.items), np.stack([like, unlike]).astype(np.int32))
    scores = model.score(queries)[:, -1]
    assert scores[0] > scores[1]
    assert len(model.history.losses) == 15
    assert model.history.losses[-1] < model.history.losses[0]


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(ConfigError, match="0 <= drop < 1"):
        TwoTower(Weighted(), drop=1.0)
