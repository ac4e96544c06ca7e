"""EfficientNet-Lite0 without its classifier: a picture becomes 1,280 numbers.

Reference: Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML 2019. Lite is
the variant without squeeze-and-excitation and with ReLU6.
"""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from cuvee.errors import DataError

__all__ = ["EfficientNetLite0", "load"]

_STAGES = ((1, 16, 1, 3, 1), (6, 24, 2, 3, 2), (6, 40, 2, 5, 2), (6, 80, 3, 3, 2), (6, 112, 3, 5, 1), (6, 192, 4, 5, 2),
           (6, 320, 1, 3, 1))  # fmt: skip
"""Expansion, width, blocks, kernel, stride of the first block."""


class _Convolution(nn.Conv2d):
    """Pads as TensorFlow does, where the weights come from: an odd pixel goes to the right and the bottom."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inside, outside, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        high, wide = (max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:])
        if high or wide:
            x = nn.functional.pad(x, (wide // 2, wide - wide // 2, high // 2, high - high // 2))
        return super().forward(x)


class _Block(nn.Module):
    """Inverted bottleneck: expand, convolve each channel, project."""

    def __init__(self, inside: int, outside: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = inside * expansion
        self.shortcut = stride == 1 and inside == outside
        if expansion > 1:
            self._expand_conv = _Convolution(inside, wide, 1)
            self._bn0 = nn.BatchNorm2d(wide, eps=1e-3)
        self._depthwise_conv = _Convolution(wide, wide, kernel, stride, groups=wide)
        self._bn1 = nn.BatchNorm2d(wide, eps=1e-3)
        self._project_conv = _Convolution(wide, outside, 1)
        self._bn2 = nn.BatchNorm2d(outside, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        if hasattr(self, "_expand_conv"):
            y = nn.functional.relu6(self._bn0(self._expand_conv(y)), inplace=True)
        y = nn.functional.relu6(self._bn1(self._depthwise_conv(y)), inplace=True)
        out: Tensor = self._bn2(self._project_conv(y))
        return x + out if self.shortcut else out


class EfficientNetLite0(nn.Module):
    """(n, 3, height, width) pictures in, (n, 1280) out; 224 pixels a side are what it was trained on."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _Convolution(3, 32, 3, 2)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        blocks, inside = [], 32
        for expansion, width, n, kernel, stride in _STAGES:
            for row in range(n):
                blocks.append(_Block(inside, width, expansion, kernel, stride if row == 0 else 1))
                inside = width
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = _Convolution(inside, 1280, 1)
        self._bn1 = nn.BatchNorm2d(1280, eps=1e-3)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu6(self._bn0(self._conv_stem(x)), inplace=True)
        for block in self._blocks:
            x = block(x)
        x = nn.functional.relu6(self._bn1(self._conv_head(x)), inplace=True)
        return x.mean((2, 3))


def load(folder: Path) -> EfficientNetLite0:
    """Return the network of a folder, its batch norms folded into the convolutions before them.

    Raises:
        DataError: the folder does not hold exactly these weights.
    """
    network = EfficientNetLite0()
    try:
        network.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise DataError(f"{folder} does not hold the weights of EfficientNet-Lite0: {error}") from error
    network.eval()
    _fold(network, ("_conv_stem", "_bn0"), ("_conv_head", "_bn1"))
    for block in network._blocks:
        _fold(block, ("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))
    return network


def _fold(module: nn.Module, *pairs: tuple[str, str]) -> None:
    for convolution, norm in pairs:
        if hasattr(module, convolution):
            folded = fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm))
            setattr(module, convolution, folded)
            setattr(module, norm, nn.Identity())
