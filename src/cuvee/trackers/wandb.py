"""Figures and settings of a run for Weights & Biases; offline unless asked otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from cuvee.errors import ConfigError

try:
    import wandb
except ModuleNotFoundError as error:
    raise ConfigError(
        f"the tracker 'wandb' needs {error.name}, which comes with the extra: pip install 'cuvee[track]'"
    ) from error

__all__ = ["Wandb"]


@dataclass(frozen=True)
class Wandb:
    """Writes a run folder that `wandb sync` can send later; `online` sends at once, with the key from WANDB_API_KEY."""

    project: str = "cuvee"
    """The project that runs belong to."""
    folder: Path = Path("runs")
    """Runs lie in its folder `wandb`."""
    mode: Literal["offline", "online"] = "offline"
    """`offline` sends nothing."""

    def track(
        self,
        run: str,
        metrics: Mapping[str, float],
        settings: Mapping[str, str],
        curves: Mapping[str, Sequence[float]] = MappingProxyType({}),
    ) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)  # elsewhere it would go to a temporary folder
        quiet = wandb.Settings(silent=True, console="off", disable_git=True, save_code=False)
        with wandb.init(
            project=self.project,
            name=run,
            dir=str(self.folder),
            mode=self.mode,
            config=dict(settings),
            settings=quiet,
            reinit="create_new",
        ) as opened:
            for epoch in range(max((len(values) for values in curves.values()), default=0)):
                opened.log({name: values[epoch] for name, values in curves.items() if epoch < len(values)}, step=epoch)
            opened.log(dict(metrics))
