"""A conversation with a bundle: message and state in, reply, items and the next state out."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cuvee.bundle import Bundle
from cuvee.dialogue.acts import Act, Choose, Explain, Feel, Tell
from cuvee.dialogue.advancing import advance
from cuvee.dialogue.asking import Asking, best_question
from cuvee.dialogue.facts import facts_of
from cuvee.dialogue.lexicon import build_lexicon
from cuvee.dialogue.reasons import reasons_of
from cuvee.dialogue.relaxing import to_drop
from cuvee.dialogue.replies import asked, say, summary, titles_of
from cuvee.dialogue.retrieval import Ranking, Retriever, Weights
from cuvee.dialogue.spoken import heard, worded
from cuvee.dialogue.state import Language, Question, State, to_json
from cuvee.dialogue.texts import build_word_index, open_space
from cuvee.dialogue.titles import build_titles
from cuvee.dialogue.understanding import Words, language_of, understand
from cuvee.protocols import LanguageModel
from cuvee.types import Reason

__all__ = ["Conversation", "Shown", "Turn", "open_conversation"]


@dataclass(frozen=True)
class Shown:
    """One item of a turn."""

    item_id: str
    title: str
    score: float
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Turn:
    """What comes back for a message."""

    reply: str
    """Everything that is said, the question last; the items are not in it."""
    items: tuple[Shown, ...]
    question: Question | None
    state: State
    """What the next message is read with."""
    acts: tuple[Act, ...]
    """What the message was understood as."""

    def tree(self) -> dict[str, Any]:
        """Return the turn as JSON holds it: reply, items and state."""
        items = [
            {
                "item_id": item.item_id,
                "title": item.title,
                "score": item.score,
                "reasons": [{"kind": r.kind, "weight": r.weight, "text": r.text} for r in item.reasons],
            }
            for item in self.items
        ]
        return {"reply": self.reply, "items": items, "state": to_json(self.state)}


@dataclass(frozen=True)
class Conversation:
    """All that a conversation needs beside its state; it keeps nothing of what is said and may be shared."""

    retriever: Retriever
    words: Words
    k: int = 5
    """Items a turn."""
    asking: Asking = field(default_factory=Asking)
    model: LanguageModel | None = None
    """Reads messages and words replies; None: rules and templates do."""

    def turn(self, state: State, message: str) -> Turn:
        """Return the answer to a message."""
        acts = heard(message, state, self.words, self.model) if self.model is not None else None
        acts = understand(message, state, self.words) if acts is None else acts
        turned = self.act(state, acts, language_of(message, state.language))
        if self.model is None:
            return turned
        return replace(turned, reply=worded(turned.reply, turned.state.shown, self.words, self.model))

    def act(self, state: State, acts: Sequence[Act], language: Language = "en") -> Turn:
        """Return the answer, in a language, to what a message was understood as."""
        after = replace(advance(state, acts), language=language)
        explained = [act.item for act in acts if isinstance(act, Explain)]
        if explained and len(explained) == len(acts):
            return self._explained(after, explained, tuple(acts))
        turned = self.answer(after)
        opening = self._opening(state, after, acts)
        return replace(turned, reply=" ".join(filter(None, [opening, turned.reply])), acts=tuple(acts))

    def answer(self, state: State) -> Turn:
        """Return what a state comes to: a pure function of it. A state that was answered before is answered alike."""
        language, ranking = state.language, self.retriever.rank(state)
        rows = [int(row) for row in ranking.rows[: self.k]]
        if not rows:
            question = to_drop(state, self.retriever)
            told = say("none", language, summary=summary(state, language)).strip()
            reply = f"{told} {asked(question, language) if question else say('no_single', language)}"
            return Turn(reply, (), question, replace(state, shown=(), question=question), ())
        question = best_question(state, ranking, self.retriever.facts, self.asking, self.k)
        parts = [self._told(state, ranking, rows), asked(question, language) if question else ""]
        items = self._items(rows, state, ranking)
        now = replace(state, shown=tuple(item.item_id for item in items), question=question)
        return Turn(" ".join(filter(None, parts)), items, question, now, ())

    def _items(self, rows: Sequence[int], state: State, ranking: Ranking) -> tuple[Shown, ...]:
        facts = self.retriever.facts
        return tuple(
            Shown(facts.items[row], facts.titles[row], float(ranking.scores[row]),
                  tuple(reasons_of(row, state, ranking, self.retriever)))
            for row in rows
        )  # fmt: skip

    def _told(self, state: State, ranking: Ranking, rows: Sequence[int]) -> str:
        n, k, language = len(ranking.rows), len(rows), state.language
        again = say("again", language) + " " if ranking.fresh == 0 else ""
        key = "found" if n > k else "found_few"
        return again + say(key, language, summary=summary(state, language), n=n, k=k)

    def _opening(self, before: State, after: State, acts: Sequence[Act]) -> str:
        language, facts = after.language, self.retriever.facts
        parts = [] if acts else [say("unheard", language)]
        told = {act.command for act in acts if isinstance(act, Tell)}
        if "undo" in told:
            parts.append(say("undone" if before.past else "nothing_to_undo", language))
        elif "restart" in told:
            parts.append(say("restarted", language))
        groups = {
            "chosen": [act.item for act in acts if isinstance(act, Choose)],
            "liked": [act.item for act in acts if isinstance(act, Feel) and act.sign > 0],
            "disliked": [act.item for act in acts if isinstance(act, Feel) and act.sign < 0],
        }
        parts += [say(k, language, titles=titles_of(items, facts, language)) for k, items in groups.items() if items]
        return " ".join(parts)

    def _explained(self, state: State, items: Sequence[str], acts: tuple[Act, ...]) -> Turn:
        """Return the reasons of items; what is on the screen, and the open question, stay."""
        facts, language, ranking = self.retriever.facts, state.language, self.retriever.rank(state)
        told = []
        for item in (i for i in items if i in facts.rows):
            reasons = [r.text for r in reasons_of(facts.rows[item], state, ranking, self.retriever)]
            why = "; ".join(reasons) if reasons else say("why_nothing", language)
            told.append(say("why", language, title=facts.titles[facts.rows[item]], reasons=why))
        shown = self._items([facts.rows[i] for i in state.shown if i in facts.rows], state, ranking)
        return Turn(" ".join(told), shown, state.question, state, acts)


def open_conversation(
    bundle: Bundle,
    *,
    k: int = 5,
    weights: Weights | None = None,
    asking: Asking | None = None,
    model: LanguageModel | None = None,
) -> Conversation:
    """Return a conversation with a bundle. Without a text channel, or its weights, free text is matched by words."""
    facts = facts_of(bundle.data)
    lexicon = build_lexicon(facts)
    index = build_word_index(bundle.data.item_table, facts)
    retriever = Retriever(bundle, facts, lexicon, index, open_space(bundle), weights or Weights())
    return Conversation(retriever, Words(facts, lexicon, build_titles(facts.titles)), k, asking or Asking(), model)
