"""The loop is a plain loop: same bytes as one written by hand, and none lost when it is killed."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from cuvee.errors import ConfigError, DataError
from cuvee.train import Training, groups, train

X = torch.from_numpy(np.random.default_rng(1).normal(size=(90, 4)).astype(np.float32))
Y = X @ torch.tensor([1.0, -2.0, 0.5, 3.0]) + 0.1 * torch.from_numpy(
    np.random.default_rng(2).normal(size=90).astype(np.float32)
)


def network() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 1))


def batches(rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    order = rng.permutation(len(X))
    return ((X[rows], Y[rows]) for rows in np.split(order, [25, 50, 75]))


def loss(net: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    x, y = batch
    found: Tensor = ((net(x)[:, 0] - y) ** 2).mean()
    return found


def score(net: nn.Module) -> float:
    return -float(loss(net, (X, Y)))


def blob(net: nn.Module) -> bytes:
    return b"".join(v.numpy().tobytes() for v in net.state_dict().values())


def test_linear_regression_reaches_least_squares() -> None:
    net = nn.Linear(4, 1, bias=False)
    train(
        net, lambda _: [(X, Y)], loss, None, Training(800, lr=0.05, weight_decay=0, clip=None), np.random.default_rng(0)
    )
    expected = np.linalg.lstsq(X.numpy(), Y.numpy(), rcond=None)[0]
    np.testing.assert_allclose(net.weight.detach().numpy()[0], expected, atol=1e-4)


@pytest.mark.parametrize(("cooldown", "falling"), [(0.0, [1] * 4), (0.25, [1, 0.75, 0.5, 0.25])])
def test_a_plain_loop_makes_the_same_bytes(cooldown: float, falling: list[float]) -> None:
    """Sixteen steps, of which eight are the warm-up and four fall."""
    ours, plain = network(), network()
    training = Training(4, lr=0.01, warmup=0.5, cooldown=cooldown, clip=0.7)
    history = train(ours, batches, loss, None, training, np.random.default_rng(3))
    shares = [*(n / 8 for n in range(1, 9)), 1, 1, 1, 1, *falling]
    seed = int(np.random.default_rng(3).integers(2**62))
    rest = [plain[0].bias, plain[3].bias]
    decays = [plain[0].weight, plain[3].weight]
    spec = [{"params": decays, "weight_decay": 1e-4}, {"params": rest, "weight_decay": 0.0}]
    optimizer, means, done = torch.optim.AdamW(spec, lr=0.01, fused=True), [], 0
    for epoch in range(4):
        torch.manual_seed(seed + epoch)
        found = []
        for batch in batches(np.random.default_rng(seed + epoch)):
            done += 1
            for group in optimizer.param_groups:
                group["lr"] = 0.01 * shares[done - 1]
            optimizer.zero_grad()
            value = loss(plain, batch)
            value.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(plain.parameters(), 0.7)
            optimizer.step()
            found.append(value.item())
        means.append(np.mean(found))
    assert blob(ours) == blob(plain)
    np.testing.assert_array_equal(history.losses, np.array(means, np.float32))
    assert np.isnan(history.scores).all()
    assert history.best == 3


def test_kill_and_resume(tmp_path: Path) -> None:
    rng, whole = np.random.default_rng(5), network()
    history = train(whole, batches, loss, score, Training(12, lr=0.02, patience=None), rng)
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[2])\n"
        "import numpy as np; from pathlib import Path; import test_train as t\n"
        "def slow(net, batch):\n    time.sleep(0.04); return t.loss(net, batch)\n"
        "t.train(t.network(), t.batches, slow, t.score, "
        "t.Training(12, lr=0.02, patience=None, checkpoint=Path(sys.argv[1])), np.random.default_rng(5))"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent)])
    limit = time.monotonic() + 60
    while len(list(tmp_path.glob("*.json"))) == 0 and time.monotonic() < limit:
        time.sleep(0.02)
    time.sleep(0.5)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    seen = []

    def counted(net: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        seen.append(1)
        return loss(net, batch)

    resumed, again = network(), np.random.default_rng(5)
    kept = Training(12, lr=0.02, patience=None, checkpoint=tmp_path)
    second = train(resumed, batches, counted, score, kept, again)
    assert 0 < len(seen) < 48
    assert blob(resumed) == blob(whole)
    assert (second.losses.tobytes(), second.scores.tobytes(), second.best) == (
        history.losses.tobytes(),
        history.scores.tobytes(),
        history.best,
    )
    assert again.random() == rng.random()


def test_patience_and_best_weights() -> None:
    told, kept = iter([1.0, 3.0, 2.0, 3.0, 2.5, 9.0]), []

    def scripted(net: nn.Module) -> float:
        assert not net.training
        kept.append(blob(net))
        return next(told)

    net = network()
    history = train(net, batches, loss, scripted, Training(6, patience=3), np.random.default_rng(0))
    assert history.scores.tolist() == [1.0, 3.0, 2.0, 3.0, 2.5]
    assert history.best == 1
    assert blob(net) == kept[1] != kept[4]


def test_nan_names_epoch_and_step_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    calls = [0]

    def breaks(net: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        calls[0] += 1
        return loss(net, batch) * (math.nan if calls[0] == 7 else 1.0)

    kept = Training(3, checkpoint=tmp_path)
    with pytest.raises(ConfigError, match=r"loss of epoch 1, step 2 is nan; try a smaller lr"):
        train(network(), batches, breaks, score, kept, np.random.default_rng(0))
    resumed, whole = network(), network()
    train(resumed, batches, loss, score, kept, np.random.default_rng(0))
    train(whole, batches, loss, score, Training(3), np.random.default_rng(0))
    assert blob(resumed) == blob(whole)


def test_other_data_starts_anew_and_damage_is_an_error(tmp_path: Path) -> None:
    kept = Training(2, checkpoint=tmp_path)
    train(network(), batches, loss, score, kept, np.random.default_rng(0), fingerprint="a")
    train(network(), batches, loss, score, kept, np.random.default_rng(0), fingerprint="b")
    assert len(list(tmp_path.glob("*.json"))) == len(list(tmp_path.glob("*.safetensors"))) == 2
    for path in tmp_path.glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(DataError, match="delete it to train from the start"):
        train(network(), batches, loss, score, kept, np.random.default_rng(0), fingerprint="a")


def test_no_batches() -> None:
    with pytest.raises(DataError, match="epoch 0 has no batches"):
        train(network(), lambda _: [], loss, None, Training(), np.random.default_rng(0))


def test_what_decays() -> None:
    net = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 5), nn.LayerNorm(5), nn.Linear(3, 5, bias=False))
    net[3].weight = net[0].weight
    decays, rest = groups(net, 0.5)
    assert [id(p) for p in decays["params"]] == [id(net[1].weight)]
    assert (decays["weight_decay"], rest["weight_decay"], len(rest["params"])) == (0.5, 0.0, 4)


def test_parameters_are_checked() -> None:
    for wrong in ({"epochs": 0}, {"lr": 0}, {"patience": 0}, {"clip": 0}, {"warmup": 1}, {"cooldown": 1.1}):
        with pytest.raises(ConfigError):
            Training(**wrong)


class Counting(nn.Module):
    """A part that is told of each step, and asks for the square of its weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(3.0))
        self.told: list[tuple[int, int, float]] = []

    def penalty(self) -> Tensor:
        return self.weight**2

    def stepped(self, done: int, steps: int) -> None:
        assert self.weight.grad is not None
        self.told.append((done, steps, float(self.weight.grad)))


def test_parts_take_part_in_each_step() -> None:
    """Their penalty has a gradient, 2 w, but is no part of the loss that is told."""
    part, linear = Counting(), nn.Linear(4, 1)
    net = nn.Sequential(linear, part)
    training = Training(2, lr=0.01, weight_decay=0, clip=None)
    history = train(net, batches, lambda _, batch: loss(linear, batch), None, training, np.random.default_rng(0))
    assert [t[:2] for t in part.told] == [(n, 8) for n in range(1, 9)]
    assert part.told[0][2] == pytest.approx(6.0)
    assert history.losses[1] == pytest.approx(float(loss(linear, (X, Y)).detach()), rel=0.2)
    assert float(part.weight.detach()) < 2.95


def test_what_is_frozen_is_not_copied_into_checkpoints(tmp_path: Path) -> None:
    net, again = network(), network()
    for each in (net, again):
        each[0].requires_grad_(False)
    before = blob(net[0])
    train(net, batches, loss, score, Training(2, checkpoint=tmp_path), np.random.default_rng(3))
    (stored,) = tmp_path.glob("*.safetensors")
    names = set(load_file(stored))
    assert {n for n in names if not n.startswith("adamw")} == {
        f"{part}.3.{w}" for part in ("now", "best") for w in ("weight", "bias")
    }
    assert blob(net[0]) == before
    train(again, batches, loss, score, Training(2, checkpoint=tmp_path), np.random.default_rng(3))
    assert blob(again) == blob(net)
