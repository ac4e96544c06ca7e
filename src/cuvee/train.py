"""The one training loop: AdamW epoch after epoch, patience on validation, and checkpoints that lose no byte.

Every epoch starts from weights, AdamW's state and a seed of its own, so one that was interrupted is trained again and
nothing is kept about its middle. On one machine the result has the same bytes whether it was interrupted or not.

Reference: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019 (AdamW).
"""

import dataclasses
import hashlib
import json
import logging
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from accelerate.utils import send_to_device  # type: ignore[import-untyped]
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from cuvee.errors import ConfigError, DataError
from cuvee.torch_runtime import device
from cuvee.types import Floats

__all__ = ["History", "Stepping", "Training", "groups", "train"]

logger = logging.getLogger(__name__)

Batches = Callable[[np.random.Generator], Iterable[Any]]
"""Yields the batches of one epoch, in an order drawn from the generator."""


@dataclass(frozen=True)
class Training:
    """How a network is trained: AdamW, the learning rate constant after the warm-up, patience on validation."""

    epochs: int = 30
    """Passes over the training events, at most."""
    lr: float = 1e-3
    """Learning rate."""
    weight_decay: float = 1e-4
    """Of matrices that are not embeddings; shrinks them by lr * weight_decay a step."""
    patience: int | None = 5
    """Stop after so many epochs without a better validation score; None: never. Without validation nothing stops it."""
    warmup: float = 0.0
    """Share of all steps in which the learning rate rises from 0 in a straight line."""
    cooldown: float = 0.0
    """Share of all steps, the last ones, in which it falls to 0 in a straight line."""
    clip: float | None = 1.0
    """Longest gradient, as the norm over all weights; None: any length."""
    checkpoint: Path | None = None
    """Folder where every training keeps its last epoch, and is resumed from; None: nowhere."""

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.lr <= 0 or self.weight_decay < 0 or not 0 <= self.warmup < 1:
            raise ConfigError(f"training needs epochs >= 1, lr > 0, weight_decay >= 0, 0 <= warmup < 1, got {self}")
        if not 0 <= self.cooldown <= 1 - self.warmup:
            raise ConfigError(f"cooldown must lie in 0..1 and end the warmup before it, got {self}")
        if (self.patience is not None and self.patience < 1) or (self.clip is not None and self.clip <= 0):
            raise ConfigError(f"patience must be at least 1 and clip above 0, or null for none, got {self}")


@dataclass(frozen=True)
class History:
    """What a training went through."""

    losses: Floats
    """(e,) mean loss over an epoch's batches."""
    scores: Floats
    """(e,) validation score after each epoch, larger is better; NaN without validation."""
    best: int
    """The epoch, from 0, that the weights are from: the first of the best score, the last without validation."""


@runtime_checkable
class Stepping(Protocol):
    """A module inside the network that takes part in each step of the loop, as AdaLoRA does to move its ranks."""

    def penalty(self) -> Tensor:
        """Return what is added to the loss; it is not counted in the losses of `History`."""
        ...

    def stepped(self, done: int, steps: int) -> None:
        """Hear that step `done`, from 1, of `steps` was taken; its gradients are still there."""
        ...


def train(
    network: nn.Module,
    batches: Batches,
    loss: Callable[[nn.Module, Any], Tensor],
    score: Callable[[nn.Module], float] | None,
    training: Training,
    rng: np.random.Generator,
    *,
    fingerprint: str = "",
) -> History:
    """Train `network` in place and return its history; it ends in `eval` mode with the weights of the best epoch.

    `loss` gets the network in `train` mode and a batch whose tensors are on its device; `score` gets it in `eval` mode
    without gradients. Modules that are `Stepping` take part in each step. `rng` is drawn from once. `fingerprint` names
    the data: a checkpoint of other data, parameters or first weights is not resumed from.

    Raises:
        ConfigError: a loss, a gradient or a score that is not a number; the message names the epoch and the step.
        DataError: an epoch without batches, or a checkpoint that is damaged.
    """
    seed = int(rng.integers(2**62))
    accelerator = _accelerator()
    network.to(accelerator.device)
    optimizer = torch.optim.AdamW(groups(network, training.weight_decay), lr=training.lr, fused=True)
    place = _place(network, training, f"{fingerprint} {seed} {accelerator.mixed_precision}")
    state = _State() if place is None else _resume(place, network, optimizer)
    loop = _Loop(network, batches, loss, training, seed, optimizer, accelerator)
    epochs = range(len(state.losses), training.epochs)
    with tqdm(epochs, desc="train", unit="epoch", delay=2, leave=False) as bar:
        for epoch in bar:
            if _out_of_patience(state, training):
                break
            state.losses.append(loop.epoch(epoch))
            state.scores.append(_score(network, score, epoch, seed))
            if score is None or state.scores[-1] > max(state.scores[:-1], default=-math.inf):
                state.best, state.weights = epoch, None if score is None else _copy(network)
            if place is not None:
                _save(place, state, network, optimizer)
            logger.info("epoch %d: loss %.6g, score %.6g", epoch, state.losses[-1], state.scores[-1])
            bar.set_postfix(loss=f"{state.losses[-1]:.4g}", score=f"{state.scores[-1]:.4g}")
    if state.weights is not None:
        _put(network, state.weights)
    network.eval()
    return History(np.array(state.losses, np.float32), np.array(state.scores, np.float32), state.best)


def groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return the weights in AdamW's groups: matrices decay; embeddings, biases and scales do not.

    The row of an embedding gets a gradient only when it is looked up, but would shrink at every step. A matrix that is
    shared with an embedding does not decay.
    """
    tables = {id(m.weight) for m in network.modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)}
    learned = [p for p in network.parameters() if p.requires_grad]
    decays = [p for p in learned if p.ndim > 1 and id(p) not in tables]
    rest = [p for p in learned if p.ndim < 2 or id(p) in tables]
    found = [{"params": decays, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
    return [group for group in found if group["params"]]


@dataclass
class _State:
    """How far a training has come; JSON and safetensors hold the same."""

    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    best: int = 0
    weights: dict[str, Tensor] | None = None
    """Of the best epoch; None without validation."""


@dataclass(frozen=True)
class _Loop:
    """What the epochs of one training share."""

    network: nn.Module
    batches: Batches
    loss: Callable[[nn.Module, Any], Tensor]
    training: Training
    seed: int
    optimizer: torch.optim.Optimizer
    accelerator: Any

    def epoch(self, epoch: int) -> float:
        """Train one epoch and return its mean loss."""
        with torch.random.fork_rng(devices=_devices()):
            stepping = [m for m in self.network.modules() if isinstance(m, Stepping)]
            changing = self.training.warmup > 0 or self.training.cooldown > 0
            steps = self._steps() if changing or stepping else 0
            torch.manual_seed(self.seed + epoch)
            self.network.train()
            losses = []
            for step, batch in enumerate(self.batches(np.random.default_rng(self.seed + epoch))):
                done, whole = epoch * steps + step + 1, steps * self.training.epochs
                if changing:
                    for group in self.optimizer.param_groups:
                        group["lr"] = self.training.lr * self._share(done, whole)
                losses.append(self._step(batch, epoch, step, [part.penalty() for part in stepping]))
                for part in stepping:
                    part.stepped(done, whole)
        if not losses:
            raise DataError(f"epoch {epoch} has no batches; is there anything to train on?")
        return float(np.mean(losses))

    def _step(self, batch: Any, epoch: int, step: int, penalties: list[Tensor]) -> float:
        with self.accelerator.autocast():
            value = self.loss(self.network, send_to_device(batch, self.accelerator.device))
        self.optimizer.zero_grad()
        self.accelerator.backward(sum(penalties, value))
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.training.clip or math.inf)
        found = float(value.detach())
        for what, number in (("loss", found), ("gradient", float(norm))):
            if not math.isfinite(number):
                raise ConfigError(
                    f"the {what} of epoch {epoch}, step {step} is {number}; try a smaller lr than "
                    f"{self.training.lr:g}, a warmup or a smaller clip, and look for NaN in the features"
                )
        self.optimizer.step()
        return found

    def _steps(self) -> int:
        """Count an epoch's batches; only that tells how many steps there will be."""
        return sum(1 for _ in self.batches(np.random.default_rng(self.seed)))

    def _share(self, done: int, whole: int) -> float:
        """Return what part of the learning rate step number `done`, from 1, of `whole` takes."""
        rising = done / max(1.0, self.training.warmup * whole)
        falling = (whole + 1 - done) / max(1.0, self.training.cooldown * whole)
        return min(1.0, rising, falling) if self.training.cooldown else min(1.0, rising)


def _score(network: nn.Module, score: Callable[[nn.Module], float] | None, epoch: int, seed: int) -> float:
    if score is None:
        return math.nan
    network.eval()
    with torch.random.fork_rng(devices=_devices()), torch.no_grad():
        torch.manual_seed(seed + epoch)
        found = float(score(network))
    if math.isnan(found):
        raise ConfigError(f"the validation score of epoch {epoch} is not a number; does validation hold any truth?")
    return found


def _out_of_patience(state: _State, training: Training) -> bool:
    waited = len(state.losses) - 1 - state.best
    return training.patience is not None and waited >= training.patience


def _accelerator() -> Any:
    """Return what knows the device and the precision, which `accelerate config` or ACCELERATE_MIXED_PRECISION set."""
    accelerator = Accelerator(cpu=device().type == "cpu")
    if accelerator.num_processes > 1 or accelerator.mixed_precision not in ("no", "bf16"):
        raise ConfigError(
            f"training runs in one process, in float32 or bf16, got {accelerator.num_processes} processes and "
            f"{accelerator.mixed_precision!r}; set ACCELERATE_MIXED_PRECISION to no or bf16 and start one process"
        )
    return accelerator


def _devices() -> list[int]:
    """Return the GPU whose random numbers are drawn."""
    return [torch.cuda.current_device()] if device().type == "cuda" else []


def _copy(network: nn.Module) -> dict[str, Tensor]:
    """Return all weights that may change: a pretrained network that stays as it is would be most of a checkpoint."""
    still = _frozen(network)
    changing = ((name, value) for name, value in _weights(network) if name not in still)
    return {name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in changing}


def _put(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Set the weights to what `_copy` returned."""
    found = network.load_state_dict(weights, strict=False)
    wrong = [*found.unexpected_keys, *(set(found.missing_keys) - _frozen(network))]
    if wrong:
        raise ValueError(f"weights are missing or unknown: {', '.join(sorted(wrong)[:5])}")


def _frozen(network: nn.Module) -> set[str]:
    return {name for name, value in network.named_parameters() if not value.requires_grad}


def _weights(network: nn.Module) -> Iterable[tuple[str, Tensor]]:
    return ((name, value) for name, value in network.state_dict().items() if isinstance(value, Tensor))


def _place(network: nn.Module, training: Training, fingerprint: str) -> Path | None:
    """Return the checkpoint's JSON, named by all that decides the result; a run that fits many models needs many."""
    if training.checkpoint is None:
        return None
    parameters = {k: v for k, v in dataclasses.asdict(training).items() if k != "checkpoint"}
    digest = hashlib.sha256(f"{parameters} {fingerprint}\n{network}".encode())
    for name, value in _weights(network):
        digest.update(f"\n{name} {tuple(value.shape)} {value.dtype} ".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return training.checkpoint / f"{digest.hexdigest()[:32]}.json"


def _save(place: Path, state: _State, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Write the tensors, named by their content, then the JSON that names them, then remove those it replaces."""
    tensors = {f"now.{name}": value for name, value in _copy(network).items()}
    tensors |= {f"best.{name}": value for name, value in (state.weights or {}).items()}
    for number, values in optimizer.state_dict()["state"].items():
        tensors |= {f"adamw.{number}.{key}": value.contiguous() for key, value in values.items()}
    place.parent.mkdir(parents=True, exist_ok=True)
    scratch = place.with_suffix(".scratch")
    save_file(tensors, scratch)
    digest = _digest(scratch)
    target = place.with_name(f"{place.stem}.{digest}.safetensors")
    _move(scratch, target)
    body = {"format": 1, "training": place.stem, "tensors": digest, "losses": state.losses, "best": state.best}
    scores = [None if math.isnan(s) else s for s in state.scores]
    scratch.write_text(json.dumps(body | {"scores": scores}, allow_nan=False) + "\n", encoding="ascii")
    _move(scratch, place)
    for old in place.parent.glob(f"{place.stem}.*.safetensors"):
        if old != target:
            old.unlink()


def _resume(place: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> _State:
    """Put weights and AdamW's state where the checkpoint left them; without one, leave them as they are."""
    if not place.exists():
        return _State()
    try:
        body = json.loads(place.read_text(encoding="ascii"))
        path = place.with_name(f"{place.stem}.{body['tensors']}.safetensors")
        if body["training"] != place.stem or _digest(path) != body["tensors"]:
            raise ValueError("it belongs to another training, or its checksum differs")
        tensors = load_file(path, device=str(device()))
        losses, scores = body["losses"], [math.nan if s is None else s for s in body["scores"]]
        state = _State(losses, scores, int(body["best"]), _part(tensors, "best.") or None)
        _put(network, _part(tensors, "now."))
    except (OSError, ValueError, LookupError, TypeError, RuntimeError, SafetensorError) as error:
        raise DataError(f"the checkpoint {place} cannot be read: {error}; delete it to train from the start") from error
    values: dict[int, dict[str, Tensor]] = {}
    for key, value in _part(tensors, "adamw.").items():
        number, _, name = key.partition(".")
        values.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({"state": values, "param_groups": optimizer.state_dict()["param_groups"]})
    logger.info("resume after epoch %d from %s", len(losses) - 1, place)
    return state


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _move(path: Path, target: Path) -> None:
    """Put a file in place in one step, on the disk before it is seen."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.replace(target)
