"""The tables of the first release, as they were."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(length=256), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("digest", sa.String(length=256), nullable=False),
        sa.Column("scopes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("key_id"),
        sa.UniqueConstraint("digest"),
        comment="keys of the service: only the digest of the secret is kept",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit",
        sa.Column("entry", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("actor", sa.String(length=256), nullable=False),
        sa.Column("action", sa.String(length=256), nullable=False),
        sa.Column("subject", sa.String(length=256), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("done_at", sa.Double(), nullable=False),
        sa.Column("previous", sa.String(length=256), nullable=False),
        sa.Column("hash", sa.String(length=256), nullable=False),
        sa.PrimaryKeyConstraint("entry"),
        sa.UniqueConstraint("hash"),
        comment="who did what, append-only; each hash covers the entry and the hash before it; people only by pseudonym",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "changes",
        sa.Column("offset", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("resource", sa.String(length=256), nullable=False),
        sa.Column("row", sa.String(length=256), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("offset"),
        comment="what every process follows by offset: which row of items, users, rules, policies or switches is new",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "consumers",
        sa.Column("consumer", sa.String(length=256), nullable=False),
        sa.Column("position", sa.String(length=256), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("consumer"),
        comment="how far each follower or stream has been read",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "counters",
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", "window_start"),
        comment="running counts about everything else, by window",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "erasures",
        sa.Column("erasure", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("pseudonym", sa.String(length=256), nullable=False),
        sa.Column("removed", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("job_id", sa.String(length=256), nullable=True),
        sa.Column("erased_at", sa.Double(), nullable=False),
        sa.Column("models_clean_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("erasure"),
        comment="who was forgotten (by pseudonym), when, and how many rows of what",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "experiments",
        sa.Column("experiment", sa.String(length=256), nullable=False),
        sa.Column("scenario", sa.String(length=256), nullable=False),
        sa.Column("salt", sa.String(length=256), nullable=False),
        sa.Column("state", sa.String(length=256), nullable=False),
        sa.Column("definition", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=True),
        sa.Column("stopped_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("experiment"),
        comment="A/B tests; the salt decides who gets which arm",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "items",
        sa.Column("item_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("item_id", sa.String(length=256), nullable=False),
        sa.Column("attributes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("state", sa.String(length=256), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("item_no"),
        sa.UniqueConstraint("item_id"),
        comment="the catalogue; state is available, unavailable or hidden",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.String(length=256), nullable=False),
        sa.Column("kind", sa.String(length=256), nullable=False),
        sa.Column("state", sa.String(length=256), nullable=False),
        sa.Column("arguments", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("result", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("worker", sa.String(length=256), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=True),
        sa.Column("heartbeat_at", sa.Double(), nullable=True),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("job_id"),
        comment="retraining, encoding, erasure: state, progress, which worker is alive; people only by pseudonym",
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_jobs_state"), "jobs", ["state"], unique=False)
    op.create_table(
        "models",
        sa.Column("version", sa.String(length=256), nullable=False),
        sa.Column("bundle", sa.String(length=256), nullable=False),
        sa.Column("recipe_fingerprint", sa.String(length=256), nullable=False),
        sa.Column("data_fingerprint", sa.String(length=256), nullable=False),
        sa.Column("event_offset", sa.BigInteger(), nullable=False),
        sa.Column("metrics", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("state", sa.String(length=256), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
        comment="trained versions: bundle, recipe and data fingerprints, the last event seen, measured quality",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "policies",
        sa.Column("policy", sa.String(length=256), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("definition", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("policy", "version"),
        comment="safety policies, every version",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "privacy_releases",
        sa.Column("release", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("purpose", sa.String(length=256), nullable=False),
        sa.Column("mechanism", sa.String(length=256), nullable=False),
        sa.Column("epsilon", sa.Double(), nullable=False),
        sa.Column("delta", sa.Double(), nullable=False),
        sa.Column("model_version", sa.String(length=256), nullable=True),
        sa.Column("released_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("release"),
        comment="the privacy budget spent, release by release",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "rules",
        sa.Column("rule", sa.String(length=256), nullable=False),
        sa.Column("kind", sa.String(length=256), nullable=False),
        sa.Column("scenario", sa.String(length=256), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("definition", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("valid_from", sa.Double(), nullable=True),
        sa.Column("valid_until", sa.Double(), nullable=True),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("rule"),
        comment="pin, boost, bury, cap, filter: as data, with their windows of validity",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "schema_version",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("applied_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
        comment="the version of these tables",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "switches",
        sa.Column("scenario", sa.String(length=256), nullable=False),
        sa.Column("off", sa.Boolean(), nullable=False),
        sa.Column("fallback", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("actor", sa.String(length=256), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("scenario"),
        comment="the kill switch of a scenario and what is shown instead",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "users",
        sa.Column("user_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.String(length=256), nullable=False),
        sa.Column("profile", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("personalisation", sa.Boolean(), nullable=False),
        sa.Column("sensitive_profiling", sa.Boolean(), nullable=False),
        sa.Column("conversation_memory", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("user_no"),
        sa.UniqueConstraint("user_id"),
        comment="ids, profiles and what each person agreed to",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "activations",
        sa.Column(
            "activation", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("scenario", sa.String(length=256), nullable=False),
        sa.Column("version", sa.String(length=256), nullable=False),
        sa.Column("actor", sa.String(length=256), nullable=False),
        sa.Column("activated_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version"],
            ["models.version"],
        ),
        sa.PrimaryKeyConstraint("activation"),
        comment="which version serves a scenario: the newest row; rolling back is activating an older version",
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_activations_scenario"), "activations", ["scenario"], unique=False)
    op.create_table(
        "arms",
        sa.Column("experiment", sa.String(length=256), nullable=False),
        sa.Column("arm", sa.String(length=256), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("settings", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(["experiment"], ["experiments.experiment"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("experiment", "arm"),
        comment="the arms of an experiment and their shares",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "cases",
        sa.Column("case", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("item_id", sa.String(length=256), nullable=True),
        sa.Column("user_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reporter_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("policy", sa.String(length=256), nullable=True),
        sa.Column("state", sa.String(length=256), nullable=False),
        sa.Column("evidence", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("decision", sa.String(length=256), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.String(length=256), nullable=True),
        sa.Column("opened_at", sa.Double(), nullable=False),
        sa.Column("decided_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["reporter_no"], ["users.user_no"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_no"], ["users.user_no"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("case"),
        comment="the review queue: what was reported or flagged, the evidence, the decision and its reason",
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_cases_item_id"), "cases", ["item_id"], unique=False)
    op.create_index(op.f("ix_cases_reporter_no"), "cases", ["reporter_no"], unique=False)
    op.create_index(op.f("ix_cases_state"), "cases", ["state"], unique=False)
    op.create_index(op.f("ix_cases_user_no"), "cases", ["user_no"], unique=False)
    op.create_table(
        "conversations",
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("user_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("session", sa.String(length=256), nullable=True),
        sa.Column("state", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["user_no"], ["users.user_no"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("conversation_id"),
        comment="conversations and their state",
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_conversations_user_no"), "conversations", ["user_no"], unique=False)
    op.create_table(
        "events",
        sa.Column("offset", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(length=256), nullable=False),
        sa.Column("user_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("item_id", sa.String(length=256), nullable=False),
        sa.Column("kind", sa.String(length=256), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=True),
        sa.Column("recommendation_id", sa.String(length=256), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("session", sa.String(length=256), nullable=True),
        sa.Column("context", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["user_no"], ["users.user_no"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("offset"),
        sa.UniqueConstraint("event_id"),
        comment="what people did; event_id makes retries harmless",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_history", "events", ["user_no", "time", "offset"], unique=False)
    op.create_index("ix_events_item", "events", ["item_id", "offset"], unique=False)
    op.create_index(op.f("ix_events_time"), "events", ["time"], unique=False)
    op.create_table(
        "exposures",
        sa.Column("exposure", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("experiment", sa.String(length=256), nullable=False),
        sa.Column("arm", sa.String(length=256), nullable=False),
        sa.Column("user_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("session", sa.String(length=256), nullable=True),
        sa.Column("recommendation_id", sa.String(length=256), nullable=True),
        sa.Column("exposed_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["user_no"], ["users.user_no"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("exposure"),
        comment="who saw which arm",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_exposures_experiment", "exposures", ["experiment", "user_no"], unique=False)
    op.create_index(op.f("ix_exposures_user_no"), "exposures", ["user_no"], unique=False)
    op.create_table(
        "item_vectors",
        sa.Column("item_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("modality", sa.String(length=256), nullable=False),
        sa.Column("fingerprint", sa.String(length=256), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.Column("encoded_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["item_no"], ["items.item_no"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("item_no", "modality", "fingerprint"),
        comment="what an encoder of a given fingerprint made of an item; little-endian float32",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "links",
        sa.Column("from_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("to_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=256), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["from_no"], ["users.user_no"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["to_no"], ["users.user_no"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("from_no", "to_no", "kind"),
        comment="who follows or knows whom",
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_links_to_no"), "links", ["to_no"], unique=False)
    op.create_table(
        "media",
        sa.Column("item_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("modality", sa.String(length=256), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=256), nullable=False),
        sa.Column("media_type", sa.String(length=256), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["item_no"], ["items.item_no"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("item_no", "modality", "position"),
        comment="pictures, sound and video of items; the file's name is its digest",
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_media_digest"), "media", ["digest"], unique=False)
    op.create_table(
        "messages",
        sa.Column("message", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("user_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("role", sa.String(length=256), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("said_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["user_no"], ["users.user_no"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message"),
        comment="what was said",
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_messages_conversation_id"), "messages", ["conversation_id"], unique=False)
    op.create_index(op.f("ix_messages_user_no"), "messages", ["user_no"], unique=False)
    op.create_table(
        "pseudonyms",
        sa.Column("pseudonym", sa.String(length=256), nullable=False),
        sa.Column("user_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("retired_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["user_no"], ["users.user_no"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pseudonym"),
        comment="the name of a person where ids must not stand, and the key that links the two; erasure destroys the key",
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_pseudonyms_user_no"), "pseudonyms", ["user_no"], unique=False)
    op.create_table(
        "recommendations",
        sa.Column("recommendation_id", sa.String(length=256), nullable=False),
        sa.Column("user_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("session", sa.String(length=256), nullable=True),
        sa.Column("scenario", sa.String(length=256), nullable=False),
        sa.Column("model_version", sa.String(length=256), nullable=False),
        sa.Column("policy_version", sa.String(length=256), nullable=True),
        sa.Column("experiment", sa.String(length=256), nullable=True),
        sa.Column("arm", sa.String(length=256), nullable=True),
        sa.Column("request", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("slate", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("event_offset", sa.BigInteger(), nullable=False),
        sa.Column("degraded", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["user_no"], ["users.user_no"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("recommendation_id"),
        comment="what was shown, by which model and arm, with score, propensity and reasons of each item; enough to replay it",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_recommendations_made", "recommendations", ["made_at"], unique=False)
    op.create_index("ix_recommendations_user", "recommendations", ["user_no", "made_at"], unique=False)
    op.create_table(
        "reviews",
        sa.Column("review", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("review_id", sa.String(length=256), nullable=False),
        sa.Column("user_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("item_id", sa.String(length=256), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("rating", sa.Double(), nullable=True),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["user_no"], ["users.user_no"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("review"),
        sa.UniqueConstraint("review_id"),
        comment="what people wrote about items",
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_reviews_item_id"), "reviews", ["item_id"], unique=False)
    op.create_index(op.f("ix_reviews_user_no"), "reviews", ["user_no"], unique=False)
    op.create_table(
        "user_counters",
        sa.Column("user_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["user_no"], ["users.user_no"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_no", "name", "window_start"),
        comment="running counts about one person, by window: frequency caps, streaks",
        sqlite_autoincrement=True,
    )
