"""Acts as slots, and how well they agree with those that a message was given by hand."""

from collections.abc import Sequence
from dataclasses import dataclass

from cuvee.dialogue.acts import Act, Choose, Constrain, Explain, Feel, Prefer, Shift, Tell, Wish

__all__ = ["Agreement", "agreement"]


@dataclass(frozen=True)
class Agreement:
    """Counts of slots."""

    right: int
    wrong: int
    """Found, and not given."""
    missed: int

    @property
    def f1(self) -> float:
        return 2 * self.right / max(2 * self.right + self.wrong + self.missed, 1)

    def __add__(self, other: "Agreement") -> "Agreement":
        return Agreement(self.right + other.right, self.wrong + other.wrong, self.missed + other.missed)


def agreement(acts: Sequence[Act], wanted: Sequence[str]) -> Agreement:
    """Compare acts with slots. A phrase counts once, whatever synonyms and columns it stands for.

    Free text is one slot where none was given, and otherwise right for each given word that it holds.
    """
    left, right, wrong = list(wanted), 0, 0
    for alternatives in _told(acts):
        hits = [slot for slot in left if slot in alternatives]
        if hits:
            right += len(hits)
            left = [slot for slot in left if slot not in hits]
        else:
            wrong += 1
    text = " ".join(act.text for act in acts if isinstance(act, Wish))
    words = [slot for slot in wanted if slot.startswith("wish~")]
    held = [slot for slot in words if slot.removeprefix("wish~") in text]
    left = [slot for slot in left if slot not in held]
    return Agreement(right + len(held), wrong + bool(text and not words), len(left))


def _told(acts: Sequence[Act]) -> list[set[str]]:
    """Return one set of slots an act, of which each is as good as the others."""
    found: list[set[str]] = []
    for act in acts:
        match act:
            case Constrain(constraint, _) if constraint.pairs:
                sign = "=" if constraint.test == "any" else "!="
                found.append({f"{column}{sign}{value}" for column, value in constraint.pairs})
            case Constrain(constraint, _):
                found.append({f"{constraint.column}{constraint.test}{constraint.bound:g}"})
            case Feel(item, sign_of):
                found.append({f"{'like' if sign_of > 0 else 'dislike'}={item}"})
            case Prefer(lean):
                found.append({f"{'more' if lean.sign > 0 else 'less'}={lean.word}"})
            case Shift(column, sign_of, _):
                found.append({f"{'more' if sign_of > 0 else 'less'}={column}"})
            case Explain(item):
                found.append({f"explain={item}"})
            case Choose(item):
                found.append({f"choose={item}"})
            case Tell(command):
                found.append({f"do={command}"})
            case _:
                pass
    return found
