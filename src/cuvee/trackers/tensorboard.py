"""Figures and settings of a run for TensorBoard: `tensorboard --logdir FOLDER` shows runs side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cuvee.errors import ConfigError

try:
    from torch.utils.tensorboard import SummaryWriter
    from torch.utils.tensorboard.summary import hparams
except ModuleNotFoundError as error:
    raise ConfigError(
        f"the tracker 'tensorboard' needs {error.name}, which comes with the extra: pip install 'cuvee[track]'"
    ) from error

__all__ = ["TensorBoard"]


@dataclass(frozen=True)
class TensorBoard:
    """Writes one event file a run: its figures, its curves, and its settings in the tab HPARAMS."""

    folder: Path = Path("runs/tensorboard")
    """Where the runs lie, one folder each."""

    def track(
        self,
        run: str,
        metrics: Mapping[str, float],
        settings: Mapping[str, str],
        curves: Mapping[str, Sequence[float]] = MappingProxyType({}),
    ) -> None:
        with SummaryWriter(str(self.folder / run)) as writer:
            for summary in hparams(dict(settings), dict(metrics)):  # type: ignore[no-untyped-call]
                writer.file_writer.add_summary(summary)
            for name, value in metrics.items():
                writer.add_scalar(name, value)
            for name, values in curves.items():
                for epoch, value in enumerate(values):
                    writer.add_scalar(name, value, epoch)
