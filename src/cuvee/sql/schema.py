"""The tables of the database: what people did, what they agreed to, what they were shown and why, and who changed what.

Every row about a person points at `users` (a column made by `_user`), and only `users` holds the caller's user id, so
erasing somebody is deleting the rows that point there. `*_at` are unix seconds of our clock; `time` is the caller's.
Large or open-ended content is JSON. Items are named by the caller's id, since events about unknown items are kept too.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = ["SCHEMA", "metadata", "personal"]

SCHEMA = "0002"
"""Version of the tables: the last of `migrations`. An older database is brought forward, a newer one is refused."""

metadata = MetaData()

_Number = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only in a column called INTEGER


def _table(name: str, comment: str, *columns: Any) -> Table:
    return Table(name, metadata, *columns, comment=comment, sqlite_autoincrement=True)


def _count(name: str) -> Column[int]:
    """A number the database gives out, never twice, in the order of commits."""
    return Column(name, _Number, primary_key=True, autoincrement=True)


def _id(name: str, *, nullable: bool = False, **options: Any) -> Column[str]:
    return Column(name, String(256), nullable=nullable, **options)


def _at(name: str, *, nullable: bool = False) -> Column[float]:
    return Column(name, Double, nullable=nullable)


def _ids(*names: str, nullable: bool = False) -> list[Column[str]]:
    return [_id(name, nullable=nullable) for name in names]


def _ats(*names: str, nullable: bool = False) -> list[Column[float]]:
    return [_at(name, nullable=nullable) for name in names]


def _json(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, JSON(none_as_null=True), nullable=nullable)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def _user(name: str = "user_no", *, nullable: bool = False, index: bool = True, primary_key: bool = False) -> Any:
    target = ForeignKey("users.user_no", ondelete="CASCADE")
    return Column(name, _Number, target, nullable=nullable, index=index, primary_key=primary_key)


# -- people ------------------------------------------------------------------------------------------------------------
_table(
    "users",
    "ids, profiles and what each person agreed to",
    _count("user_no"),
    _id("user_id", unique=True),
    _json("profile"),
    *(_flag(name) for name in ("personalisation", "sensitive_profiling", "conversation_memory")),
    *_ats("created_at", "updated_at"),
)
_table(
    "pseudonyms",
    "the name of a person where ids must not stand, and the key that links the two; erasure destroys the key",
    _id("pseudonym", primary_key=True),
    _user(),
    Column("key", LargeBinary, nullable=False),
    _at("created_at"),
    _at("retired_at", nullable=True),
)
_table(
    "links",
    "who follows or knows whom",
    _user("from_no", index=False, primary_key=True),
    _user("to_no", primary_key=True),
    _id("kind", primary_key=True),
    Column("weight", Double, nullable=False),
    _at("created_at"),
)
_table(
    "reviews",
    "what people wrote about items",
    _count("review"),
    _id("review_id", unique=True),
    _user(),
    _id("item_id", index=True),
    Column("text", Text, nullable=False),
    Column("rating", Double),
    Column("time", BigInteger, nullable=False),
    _at("received_at"),
)
_table(
    "erasures",
    "who was forgotten (by pseudonym), when, and how many rows of what",
    _count("erasure"),
    _id("pseudonym"),
    _json("removed"),
    _id("job_id", nullable=True),
    _at("erased_at"),
    _at("models_clean_at", nullable=True),
)
_table(
    "privacy_releases",
    "the privacy budget spent, release by release",
    _count("release"),
    *_ids("purpose", "mechanism"),
    Column("epsilon", Double, nullable=False),
    Column("delta", Double, nullable=False),
    _id("model_version", nullable=True),
    _at("released_at"),
)

# -- catalogue ---------------------------------------------------------------------------------------------------------
_table(
    "items",
    "the catalogue; state is available, unavailable or hidden",
    _count("item_no"),
    _id("item_id", unique=True),
    _json("attributes"),
    _id("state"),
    *_ats("created_at", "updated_at"),
)
_table(
    "item_vectors",
    "what an encoder of a given fingerprint made of an item; little-endian float32",
    Column("item_no", _Number, ForeignKey("items.item_no", ondelete="CASCADE"), primary_key=True),
    _id("modality", primary_key=True),
    _id("fingerprint", primary_key=True),
    Column("vector", LargeBinary, nullable=False),
    _flag("present"),
    _at("encoded_at"),
)
_table(
    "media",
    "pictures, sound and video of items; the file's name is its digest",
    Column("item_no", _Number, ForeignKey("items.item_no", ondelete="CASCADE"), primary_key=True),
    _id("modality", primary_key=True),
    Column("position", Integer, primary_key=True),
    _id("digest", index=True),
    _id("media_type"),
    Column("size", BigInteger, nullable=False),
    _at("created_at"),
)

# -- what happened -----------------------------------------------------------------------------------------------------
_table(
    "events",
    "what people did; event_id makes retries harmless",
    _count("offset"),
    _id("event_id", unique=True),
    _user(nullable=True, index=False),
    *_ids("item_id", "kind"),
    Column("time", BigInteger, nullable=False, index=True),
    Column("weight", Double),
    _id("recommendation_id", nullable=True),
    Column("position", Integer),
    _id("session", nullable=True),
    _json("context", nullable=True),
    _at("received_at"),
    Index("ix_events_history", "user_no", "time", "offset"),
    Index("ix_events_item", "item_id", "offset"),
)
_table(
    "recommendations",
    "what was shown, by which model and arm, with score, propensity and reasons of each item; enough to replay it",
    _id("recommendation_id", primary_key=True),
    _user(nullable=True, index=False),
    _id("session", nullable=True),
    *_ids("scenario", "model_version"),
    *_ids("policy_version", "experiment", "arm", nullable=True),
    _json("request"),
    _json("slate"),
    Column("event_offset", BigInteger, nullable=False),
    _flag("degraded"),
    _at("made_at"),
    Index("ix_recommendations_user", "user_no", "made_at"),
    Index("ix_recommendations_made", "made_at"),
)
_table(
    "conversations",
    "conversations and their state",
    _id("conversation_id", primary_key=True),
    _user(nullable=True),
    _id("session", nullable=True),
    _json("state"),
    *_ats("created_at", "updated_at"),
)
_table(
    "messages",
    "what was said",
    _count("message"),
    _id("conversation_id", index=True),
    _user(nullable=True),
    _id("role"),
    Column("text", Text, nullable=False),
    _json("data", nullable=True),
    _at("said_at"),
)
_table(
    "user_counters",
    "running counts about one person, by window: frequency caps, streaks",
    _user(index=False, primary_key=True),
    _id("name", primary_key=True),
    Column("window_start", BigInteger, primary_key=True),
    Column("value", Double, nullable=False),
)
_table(
    "counters",
    "running counts about everything else, by window",
    _id("name", primary_key=True),
    Column("window_start", BigInteger, primary_key=True),
    Column("value", Double, nullable=False),
)

# -- experiments, models, jobs -----------------------------------------------------------------------------------------
_table(
    "experiments",
    "A/B tests; the salt decides who gets which arm",
    _id("experiment", primary_key=True),
    *_ids("scenario", "salt", "state"),
    _json("definition"),
    _at("created_at"),
    *_ats("started_at", "stopped_at", nullable=True),
)
_table(
    "arms",
    "the arms of an experiment and their shares",
    Column("experiment", String(256), ForeignKey("experiments.experiment", ondelete="CASCADE"), primary_key=True),
    _id("arm", primary_key=True),
    Column("share", Double, nullable=False),
    _json("settings"),
)
_table(
    "exposures",
    "who saw which arm",
    _count("exposure"),
    *_ids("experiment", "arm"),
    _user(nullable=True),
    *_ids("session", "recommendation_id", nullable=True),
    _at("exposed_at"),
    Index("ix_exposures_experiment", "experiment", "user_no"),
)
_table(
    "models",
    "trained versions: bundle, recipe and data fingerprints, the last event seen, measured quality",
    _id("version", primary_key=True),
    *_ids("bundle", "recipe_fingerprint", "data_fingerprint"),
    Column("event_offset", BigInteger, nullable=False),
    _json("metrics"),
    _id("state"),
    _at("created_at"),
)
_table(
    "activations",
    "which version serves a scenario: the newest row; rolling back is activating an older version",
    _count("activation"),
    _id("scenario", index=True),
    Column("version", String(256), ForeignKey("models.version"), nullable=False),
    _id("actor"),
    _at("activated_at"),
)
_table(
    "jobs",
    "retraining, encoding, erasure: state, progress, which worker is alive; people only by pseudonym",
    _id("job_id", primary_key=True),
    _id("kind"),
    _id("state", index=True),
    _json("arguments"),
    Column("progress", Double, nullable=False),
    _json("result", nullable=True),
    _id("worker", nullable=True),
    _at("created_at"),
    *_ats("started_at", "heartbeat_at", "finished_at", nullable=True),
)
_table(
    "changes",
    "what every process follows by offset: which row of items, users, rules, policies or switches is new",
    _count("offset"),
    *_ids("resource", "row"),
    _at("changed_at"),
)
_table(
    "consumers",
    "how far each follower or stream has been read",
    _id("consumer", primary_key=True),
    _id("position"),
    _at("updated_at"),
)

# -- rules and accountability ------------------------------------------------------------------------------------------
_table(
    "rules",
    "pin, boost, bury, cap, filter: as data, with their windows of validity",
    _id("rule", primary_key=True),
    *_ids("kind", "scenario"),
    Column("priority", Integer, nullable=False),
    _flag("enabled"),
    _json("definition"),
    *_ats("valid_from", "valid_until", nullable=True),
    _at("updated_at"),
)
_table(
    "policies",
    "safety policies, every version",
    _id("policy", primary_key=True),
    Column("version", Integer, primary_key=True),
    _flag("enabled"),
    _json("definition"),
    _at("created_at"),
)
_table(
    "switches",
    "the kill switch of a scenario and what is shown instead",
    _id("scenario", primary_key=True),
    _flag("off"),
    _json("fallback"),
    _id("actor"),
    _at("changed_at"),
)
_table(
    "cases",
    "the review queue: what was reported or flagged, the evidence, the decision and its reason",
    _count("case"),
    _id("item_id", nullable=True, index=True),
    _user(nullable=True),
    _user("reporter_no", nullable=True),
    _id("policy", nullable=True),
    _id("state", index=True),
    _json("evidence"),
    _id("decision", nullable=True),
    Column("reason", Text),
    _id("decided_by", nullable=True),
    _at("opened_at"),
    _at("decided_at", nullable=True),
)
_table(
    "audit",
    "who did what, append-only; each hash covers the entry and the hash before it; people only by pseudonym",
    _count("entry"),
    *_ids("actor", "action", "subject"),
    Column("details", Text, nullable=False),
    _at("done_at"),
    *_ids("previous", "hash"),
    UniqueConstraint("hash"),
)
_table(
    "api_keys",
    "keys of the service: only the digest of the secret is kept",
    _id("key_id", primary_key=True),
    _id("name"),
    _id("digest", unique=True),
    _json("scopes"),
    _at("created_at"),
    *_ats("expires_at", "revoked_at", nullable=True),
)


def personal(table: Table) -> list[Column[Any]]:
    """Return the columns of a table that point at a person."""
    users = metadata.tables["users"].c.user_no
    return [c for c in table.columns if c is users or c.references(users)]
