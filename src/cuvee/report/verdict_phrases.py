"""What verdicts on modalities say in everyday words; every sentence follows from figures."""

from typing import TYPE_CHECKING

from cuvee.new_items import Finding
from cuvee.report.phrases import number, spread, title

if TYPE_CHECKING:
    from cuvee.model_verdict import Worth

__all__ = ["found_in_words", "worth_in_words"]


def worth_in_words(w: "Worth", metric: str) -> str:
    """Say whether the recipe's model should keep a modality, and what it would lose."""
    lost, what = w.left_out, w.modality
    if lost.difference is None or lost.low is None or lost.high is None:
        return f"{what}: could not be measured."
    share = 100 * abs(lost.difference) / w.quality if w.quality else 0.0
    figures = (
        f"{title(metric)} {number(w.quality, 4)} with it, {number(w.quality - lost.difference, 4)} without; "
        f"the difference is {number(lost.difference, 4, signed=True)}, {spread(lost, 4)}"
    )
    if w.helps:
        return f"{what}: keep it. Without it recommendations are {share:.1f} % worse ({figures})."
    if w.hurts:
        return f"{what}: leave it out. Without it recommendations are {share:.1f} % better ({figures})."
    if lost.low == lost.high == 0:
        return f"{what}: this model does not use it; recommendations are the same without."
    if lost.low > 0:
        return f"{what}: not proven. Leaving it out costs {share:.1f} %, but not for sure in every test ({figures})."
    return f"{what}: no difference that could be measured; the others make up for it, or it is noise ({figures})."


def found_in_words(f: Finding) -> str:
    """Say what a modality, or a pair beyond its two sides, tells of new products."""
    names = " and ".join(f.modalities)
    gain = f.gain
    if gain.difference is None or gain.low is None or gain.high is None:
        return f"{names}: could not be measured."
    share = f"{100 * gain.difference:+.2f} % of the variance, {100 * gain.low:+.2f} to {100 * gain.high:+.2f}"
    pair = len(f.modalities) > 1
    if f.helps:
        what = "together tell what neither tells alone" if pair else "tells who will like a new product"
        return f"{names}: {what} ({share})."
    if f.hurts:
        return f"{names}: does worse than the same vectors shuffled ({share})."
    what = "nothing more together that could be measured" if pair else "nothing that could be told from noise"
    return f"{names}: {what} ({share})."
