"""Fusions as networks that are trained with a model: forward(parts, present) -> (n, dim).

`parts` is modality -> (n, d_m), `present` modality -> (n,) bool; what is missing adds nothing, and an item without
content is a zero row. Every network starts as the mean of the modalities side by side, a fusion that already works,
and learns from there. References stand with the fusions in `cuvee.fusion`; a branch that starts at 0: T. Bachlechner
et al., "ReZero is all you need", UAI 2021.
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
        with torch.no_grad():
            self.linear.bias.zero_()
            self.linear.weight.zero_()
            side_by_side = torch.cat([_side(width, dim, m, len(widths)) for m, width in enumerate(widths.values())], 1)
            self.linear.weight[:, : side_by_side.shape[1]] = side_by_side

    def forward(self, parts: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        mask = _mask(self.names, present)
        fused: Tensor = self.linear(_flat(self.names, parts, mask))
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
    """A Transformer layer over one token a modality, missing ones masked, then a learned query that pools them.

    z = sum_m a_m t_m, a = softmax over what is present of q.t_m + b_m, t = P x + c T(P x + k): k says which modality a
    token is, and c starts at 0.
    """

    def __init__(self, widths: Mapping[str, int], dim: int, heads: int = 4) -> None:
        super().__init__()
        self.tokens = _Tokens(widths, dim)
        self.kinds = nn.Parameter(torch.randn(len(widths), dim) * 0.02)
        heads = heads if dim % heads == 0 else 1
        self.layer = nn.TransformerEncoderLayer(dim, heads, 2 * dim, dropout=0.0, batch_first=True)
        self.amount = nn.Parameter(torch.zeros(()))
        self.query, self.bias = nn.Parameter(torch.zeros(dim)), nn.Parameter(torch.zeros(len(widths)))

    def forward(self, parts: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        mask = _mask(self.tokens.names, present)
        hidden = (mask == 0) & (_any(mask) > 0)  # a row with every key hidden would be NaN; it is zeroed below
        tokens = self.tokens(parts)
        tokens = tokens + self.amount * self.layer(tokens + self.kinds, src_key_padding_mask=hidden)
        return _mixed(tokens, _masked_softmax(tokens @ self.query + self.bias, mask))


class GatedNetwork(nn.Module):
    """sum_m g_m P_m x_m, g = softmax over what is present of a linear function of all modalities and flags."""

    def __init__(self, widths: Mapping[str, int], dim: int) -> None:
        super().__init__()
        self.tokens = _Tokens(widths, dim)
        self.gate = nn.Linear(sum(widths.values()) + len(widths), len(widths))
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)

    def forward(self, parts: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        mask = _mask(self.tokens.names, present)
        scores = self.gate(_flat(self.tokens.names, parts, mask))
        return _mixed(self.tokens(parts), _masked_softmax(scores, mask))


class _Tokens(nn.Module):
    """(n, m, dim): every modality by a linear layer of its own, which starts by giving it columns of its own."""

    def __init__(self, widths: Mapping[str, int], dim: int) -> None:
        super().__init__()
        self.names = tuple(widths)
        layers = [nn.Linear(width, dim) for width in widths.values()]
        with torch.no_grad():
            for m, layer in enumerate(layers):
                layer.weight.copy_(_side(layer.in_features, dim, m, len(layers)))
                layer.bias.zero_()
        self.layers = nn.ModuleList(layers)

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        return torch.stack([layer(parts[name]) for name, layer in zip(self.names, self.layers, strict=True)], dim=1)


def _side(width: int, dim: int, m: int, n: int) -> Tensor:
    """Return (dim, width): the leading axes of modality m of n go to the m-th of n equal runs of columns."""
    weight = torch.zeros(dim, width)
    start, stop = m * dim // n, (m + 1) * dim // n
    k = min(stop - start, width)
    weight[start : start + k, :k] = torch.eye(k)
    return weight


def _flat(names: tuple[str, ...], parts: Mapping[str, Tensor], mask: Tensor) -> Tensor:
    """Return (n, sum of widths + m): all modalities side by side, then their flags."""
    return torch.cat([*(parts[name] * mask[:, m : m + 1] for m, name in enumerate(names)), mask], dim=1)


def _mask(names: tuple[str, ...], present: Mapping[str, Tensor]) -> Tensor:
    return torch.stack([present[name] for name in names], dim=1).float()


def _any(mask: Tensor) -> Tensor:
    return mask.amax(dim=1, keepdim=True)


def _masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    return torch.softmax(scores.masked_fill(mask == 0, -1e9), dim=1) * mask


def _mixed(tokens: Tensor, share: Tensor) -> Tensor:
    """Return (n, dim) of tokens (n, m, dim) and shares (n, m)."""
    return (tokens * share[:, :, None]).sum(dim=1)
