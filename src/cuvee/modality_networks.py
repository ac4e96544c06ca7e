"""Fusions as networks that are trained with a model: forward(parts, present) -> (n, dim).

`parts` is modality -> (n, d_m), `present` modality -> (n,) bool; what is missing adds nothing, and an item without
content is a zero row. References stand with the fusions in `cuvee.fusion`.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ["AttentionNetwork", "ConcatNetwork", "GatedNetwork", "WeightedNetwork"]


class ConcatNetwork(nn.Module):
    """One linear layer over all modalities side by side and a flag each that says whether it is there."""

    def __init__(self, widths: Mapping[str, int], dim: int) -> None:
        super().__init__()
        self.names = tuple(widths)
        self.linear = nn.Linear(sum(widths.values()) + len(widths), dim)

    def forward(self, parts: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        mask = _mask(self.names, present)
        kept = [parts[name] * mask[:, m : m + 1] for m, name in enumerate(self.names)]
        fused: Tensor = self.linear(torch.cat([*kept, mask], dim=1))
        return fused * _any(mask)


class WeightedNetwork(nn.Module):
    """sum_m w_m P_m x_m / sum_m w_m over what is present; w_m = softplus(a_m), one learned number a modality."""

    def __init__(self, widths: Mapping[str, int], dim: int) -> None:
        super().__init__()
        self.tokens = _Tokens(widths, dim)
        self.weights = nn.Parameter(torch.zeros(len(widths)))

    def forward(self, parts: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        mask = _mask(self.tokens.names, present)
        share = nn.functional.softplus(self.weights) * mask
        return _mixed(self.tokens(parts), share / share.sum(dim=1, keepdim=True).clamp_min(1e-9))


class AttentionNetwork(nn.Module):
    """A Transformer over one token a modality, missing ones masked; the mean of what is present comes out."""

    def __init__(self, widths: Mapping[str, int], dim: int, layers: int = 1, heads: int = 1) -> None:
        super().__init__()
        self.tokens = _Tokens(widths, dim)
        self.kinds = nn.Parameter(torch.randn(len(widths), dim) * 0.02)
        layer = nn.TransformerEncoderLayer(dim, heads, 2 * dim, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def forward(self, parts: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        mask = _mask(self.tokens.names, present)
        hidden = (mask == 0) & (_any(mask) > 0)  # a row with every key hidden would be NaN; it is zeroed below
        seen = self.encoder(self.tokens(parts) + self.kinds, src_key_padding_mask=hidden)
        return _mixed(seen, mask / mask.sum(dim=1, keepdim=True).clamp_min(1))


class GatedNetwork(nn.Module):
    """sum_m g_m tanh(P_m x_m), g = softmax over what is present of a linear function of all parts and flags."""

    def __init__(self, widths: Mapping[str, int], dim: int) -> None:
        super().__init__()
        self.tokens = _Tokens(widths, dim)
        self.gate = nn.Linear(sum(widths.values()) + len(widths), len(widths))

    def forward(self, parts: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        names = self.tokens.names
        mask = _mask(names, present)
        kept = [parts[name] * mask[:, m : m + 1] for m, name in enumerate(names)]
        scores = self.gate(torch.cat([*kept, mask], dim=1)).masked_fill(mask == 0, -1e9)
        return _mixed(torch.tanh(self.tokens(parts)), torch.softmax(scores, dim=1) * mask)


class _Tokens(nn.Module):
    """(n, m, dim): every modality by a linear layer of its own."""

    def __init__(self, widths: Mapping[str, int], dim: int) -> None:
        super().__init__()
        self.names = tuple(widths)
        self.layers = nn.ModuleList(nn.Linear(width, dim) for width in widths.values())

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        return torch.stack([layer(parts[name]) for name, layer in zip(self.names, self.layers, strict=True)], dim=1)


def _mask(names: tuple[str, ...], present: Mapping[str, Tensor]) -> Tensor:
    return torch.stack([present[name] for name in names], dim=1).float()


def _any(mask: Tensor) -> Tensor:
    return mask.amax(dim=1, keepdim=True)


def _mixed(tokens: Tensor, share: Tensor) -> Tensor:
    """Return (n, dim) of tokens (n, m, dim) and shares (n, m)."""
    return (tokens * share[:, :, None]).sum(dim=1)
