-- The tables of the first release, as it made them.
CREATE TABLE schema_version (
    version SERIAL NOT NULL,
    applied_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (version)
);
COMMENT ON TABLE schema_version IS 'the version of these tables';
CREATE TABLE users (
    user_no BIGSERIAL NOT NULL,
    user_id VARCHAR(256) NOT NULL,
    profile JSON NOT NULL,
    personalisation BOOLEAN NOT NULL,
    sensitive_profiling BOOLEAN NOT NULL,
    conversation_memory BOOLEAN NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    updated_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (user_no),
    UNIQUE (user_id)
);
COMMENT ON TABLE users IS 'ids, profiles and what each person agreed to';
CREATE TABLE erasures (
    erasure BIGSERIAL NOT NULL,
    pseudonym VARCHAR(256) NOT NULL,
    removed JSON NOT NULL,
    job_id VARCHAR(256),
    erased_at DOUBLE PRECISION NOT NULL,
    models_clean_at DOUBLE PRECISION,
    PRIMARY KEY (erasure)
);
COMMENT ON TABLE erasures IS 'who was forgotten (by pseudonym), when, and how many rows of what';
CREATE TABLE privacy_releases (
    release BIGSERIAL NOT NULL,
    purpose VARCHAR(256) NOT NULL,
    mechanism VARCHAR(256) NOT NULL,
    epsilon DOUBLE PRECISION NOT NULL,
    delta DOUBLE PRECISION NOT NULL,
    model_version VARCHAR(256),
    released_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (release)
);
COMMENT ON TABLE privacy_releases IS 'the privacy budget spent, release by release';
CREATE TABLE items (
    item_no BIGSERIAL NOT NULL,
    item_id VARCHAR(256) NOT NULL,
    attributes JSON NOT NULL,
    state VARCHAR(256) NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    updated_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (item_no),
    UNIQUE (item_id)
);
COMMENT ON TABLE items IS 'the catalogue; state is available, unavailable or hidden';
CREATE TABLE counters (
    name VARCHAR(256) NOT NULL,
    window_start BIGINT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (name, window_start)
);
COMMENT ON TABLE counters IS 'running counts about everything else, by window';
CREATE TABLE experiments (
    experiment VARCHAR(256) NOT NULL,
    scenario VARCHAR(256) NOT NULL,
    salt VARCHAR(256) NOT NULL,
    state VARCHAR(256) NOT NULL,
    definition JSON NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    started_at DOUBLE PRECISION,
    stopped_at DOUBLE PRECISION,
    PRIMARY KEY (experiment)
);
COMMENT ON TABLE experiments IS 'A/B tests; the salt decides who gets which arm';
CREATE TABLE models (
    version VARCHAR(256) NOT NULL,
    bundle VARCHAR(256) NOT NULL,
    recipe_fingerprint VARCHAR(256) NOT NULL,
    data_fingerprint VARCHAR(256) NOT NULL,
    event_offset BIGINT NOT NULL,
    metrics JSON NOT NULL,
    state VARCHAR(256) NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (version)
);
COMMENT ON TABLE models IS 'trained versions: bundle, recipe and data fingerprints, the last event seen, measured quality';
CREATE TABLE jobs (
    job_id VARCHAR(256) NOT NULL,
    kind VARCHAR(256) NOT NULL,
    state VARCHAR(256) NOT NULL,
    arguments JSON NOT NULL,
    progress DOUBLE PRECISION NOT NULL,
    result JSON,
    worker VARCHAR(256),
    created_at DOUBLE PRECISION NOT NULL,
    started_at DOUBLE PRECISION,
    heartbeat_at DOUBLE PRECISION,
    finished_at DOUBLE PRECISION,
    PRIMARY KEY (job_id)
);
CREATE INDEX ix_jobs_state ON jobs (state);
COMMENT ON TABLE jobs IS 'retraining, encoding, erasure: state, progress, which worker is alive; people only by pseudonym';
CREATE TABLE changes (
    "offset" BIGSERIAL NOT NULL,
    resource VARCHAR(256) NOT NULL,
    row VARCHAR(256) NOT NULL,
    changed_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY ("offset")
);
COMMENT ON TABLE changes IS 'what every process follows by offset: which row of items, users, rules, policies or switches is new';
CREATE TABLE consumers (
    consumer VARCHAR(256) NOT NULL,
    position VARCHAR(256) NOT NULL,
    updated_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (consumer)
);
COMMENT ON TABLE consumers IS 'how far each follower or stream has been read';
CREATE TABLE rules (
    rule VARCHAR(256) NOT NULL,
    kind VARCHAR(256) NOT NULL,
    scenario VARCHAR(256) NOT NULL,
    priority INTEGER NOT NULL,
    enabled BOOLEAN NOT NULL,
    definition JSON NOT NULL,
    valid_from DOUBLE PRECISION,
    valid_until DOUBLE PRECISION,
    updated_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (rule)
);
COMMENT ON TABLE rules IS 'pin, boost, bury, cap, filter: as data, with their windows of validity';
CREATE TABLE policies (
    policy VARCHAR(256) NOT NULL,
    version INTEGER NOT NULL,
    enabled BOOLEAN NOT NULL,
    definition JSON NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (policy, version)
);
COMMENT ON TABLE policies IS 'safety policies, every version';
CREATE TABLE switches (
    scenario VARCHAR(256) NOT NULL,
    "off" BOOLEAN NOT NULL,
    fallback JSON NOT NULL,
    actor VARCHAR(256) NOT NULL,
    changed_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (scenario)
);
COMMENT ON TABLE switches IS 'the kill switch of a scenario and what is shown instead';
CREATE TABLE audit (
    entry BIGSERIAL NOT NULL,
    actor VARCHAR(256) NOT NULL,
    action VARCHAR(256) NOT NULL,
    subject VARCHAR(256) NOT NULL,
    details TEXT NOT NULL,
    done_at DOUBLE PRECISION NOT NULL,
    previous VARCHAR(256) NOT NULL,
    hash VARCHAR(256) NOT NULL,
    PRIMARY KEY (entry),
    UNIQUE (hash)
);
COMMENT ON TABLE audit IS 'who did what, append-only; each hash covers the entry and the hash before it; people only by pseudonym';
CREATE TABLE api_keys (
    key_id VARCHAR(256) NOT NULL,
    name VARCHAR(256) NOT NULL,
    digest VARCHAR(256) NOT NULL,
    scopes JSON NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    expires_at DOUBLE PRECISION,
    revoked_at DOUBLE PRECISION,
    PRIMARY KEY (key_id),
    UNIQUE (digest)
);
COMMENT ON TABLE api_keys IS 'keys of the service: only the digest of the secret is kept';
CREATE TABLE pseudonyms (
    pseudonym VARCHAR(256) NOT NULL,
    user_no BIGINT NOT NULL,
    key BYTEA NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    retired_at DOUBLE PRECISION,
    PRIMARY KEY (pseudonym),
    FOREIGN KEY(user_no) REFERENCES users (user_no) ON DELETE CASCADE
);
CREATE INDEX ix_pseudonyms_user_no ON pseudonyms (user_no);
COMMENT ON TABLE pseudonyms IS 'the name of a person where ids must not stand, and the key that links the two; erasure destroys the key';
CREATE TABLE links (
    from_no BIGINT NOT NULL,
    to_no BIGINT NOT NULL,
    kind VARCHAR(256) NOT NULL,
    weight DOUBLE PRECISION NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (from_no, to_no, kind),
    FOREIGN KEY(from_no) REFERENCES users (user_no) ON DELETE CASCADE,
    FOREIGN KEY(to_no) REFERENCES users (user_no) ON DELETE CASCADE
);
CREATE INDEX ix_links_to_no ON links (to_no);
COMMENT ON TABLE links IS 'who follows or knows whom';
CREATE TABLE reviews (
    review BIGSERIAL NOT NULL,
    review_id VARCHAR(256) NOT NULL,
    user_no BIGINT NOT NULL,
    item_id VARCHAR(256) NOT NULL,
    text TEXT NOT NULL,
    rating DOUBLE PRECISION,
    time BIGINT NOT NULL,
    received_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (review),
    UNIQUE (review_id),
    FOREIGN KEY(user_no) REFERENCES users (user_no) ON DELETE CASCADE
);
CREATE INDEX ix_reviews_item_id ON reviews (item_id);
CREATE INDEX ix_reviews_user_no ON reviews (user_no);
COMMENT ON TABLE reviews IS 'what people wrote about items';
CREATE TABLE item_vectors (
    item_no BIGINT NOT NULL,
    modality VARCHAR(256) NOT NULL,
    fingerprint VARCHAR(256) NOT NULL,
    vector BYTEA NOT NULL,
    present BOOLEAN NOT NULL,
    encoded_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (item_no, modality, fingerprint),
    FOREIGN KEY(item_no) REFERENCES items (item_no) ON DELETE CASCADE
);
COMMENT ON TABLE item_vectors IS 'what an encoder of a given fingerprint made of an item; little-endian float32';
CREATE TABLE media (
    item_no BIGINT NOT NULL,
    modality VARCHAR(256) NOT NULL,
    position INTEGER NOT NULL,
    digest VARCHAR(256) NOT NULL,
    media_type VARCHAR(256) NOT NULL,
    size BIGINT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (item_no, modality, position),
    FOREIGN KEY(item_no) REFERENCES items (item_no) ON DELETE CASCADE
);
CREATE INDEX ix_media_digest ON media (digest);
COMMENT ON TABLE media IS 'pictures, sound and video of items; the file''s name is its digest';
CREATE TABLE events (
    "offset" BIGSERIAL NOT NULL,
    event_id VARCHAR(256) NOT NULL,
    user_no BIGINT,
    item_id VARCHAR(256) NOT NULL,
    kind VARCHAR(256) NOT NULL,
    time BIGINT NOT NULL,
    weight DOUBLE PRECISION,
    recommendation_id VARCHAR(256),
    position INTEGER,
    session VARCHAR(256),
    context JSON,
    received_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY ("offset"),
    UNIQUE (event_id),
    FOREIGN KEY(user_no) REFERENCES users (user_no) ON DELETE CASCADE
);
CREATE INDEX ix_events_history ON events (user_no, time, "offset");
CREATE INDEX ix_events_item ON events (item_id, "offset");
CREATE INDEX ix_events_time ON events (time);
COMMENT ON TABLE events IS 'what people did; event_id makes retries harmless';
CREATE TABLE recommendations (
    recommendation_id VARCHAR(256) NOT NULL,
    user_no BIGINT,
    session VARCHAR(256),
    scenario VARCHAR(256) NOT NULL,
    model_version VARCHAR(256) NOT NULL,
    policy_version VARCHAR(256),
    experiment VARCHAR(256),
    arm VARCHAR(256),
    request JSON NOT NULL,
    slate JSON NOT NULL,
    event_offset BIGINT NOT NULL,
    degraded BOOLEAN NOT NULL,
    made_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (recommendation_id),
    FOREIGN KEY(user_no) REFERENCES users (user_no) ON DELETE CASCADE
);
CREATE INDEX ix_recommendations_user ON recommendations (user_no, made_at);
CREATE INDEX ix_recommendations_made ON recommendations (made_at);
COMMENT ON TABLE recommendations IS 'what was shown, by which model and arm, with score, propensity and reasons of each item; enough to replay it';
CREATE TABLE conversations (
    conversation_id VARCHAR(256) NOT NULL,
    user_no BIGINT,
    session VARCHAR(256),
    state JSON NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    updated_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (conversation_id),
    FOREIGN KEY(user_no) REFERENCES users (user_no) ON DELETE CASCADE
);
CREATE INDEX ix_conversations_user_no ON conversations (user_no);
COMMENT ON TABLE conversations IS 'conversations and their state';
CREATE TABLE messages (
    message BIGSERIAL NOT NULL,
    conversation_id VARCHAR(256) NOT NULL,
    user_no BIGINT,
    role VARCHAR(256) NOT NULL,
    text TEXT NOT NULL,
    data JSON,
    said_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (message),
    FOREIGN KEY(user_no) REFERENCES users (user_no) ON DELETE CASCADE
);
CREATE INDEX ix_messages_user_no ON messages (user_no);
CREATE INDEX ix_messages_conversation_id ON messages (conversation_id);
COMMENT ON TABLE messages IS 'what was said';
CREATE TABLE user_counters (
    user_no BIGINT NOT NULL,
    name VARCHAR(256) NOT NULL,
    window_start BIGINT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (user_no, name, window_start),
    FOREIGN KEY(user_no) REFERENCES users (user_no) ON DELETE CASCADE
);
COMMENT ON TABLE user_counters IS 'running counts about one person, by window: frequency caps, streaks';
CREATE TABLE arms (
    experiment VARCHAR(256) NOT NULL,
    arm VARCHAR(256) NOT NULL,
    share DOUBLE PRECISION NOT NULL,
    settings JSON NOT NULL,
    PRIMARY KEY (experiment, arm),
    FOREIGN KEY(experiment) REFERENCES experiments (experiment) ON DELETE CASCADE
);
COMMENT ON TABLE arms IS 'the arms of an experiment and their shares';
CREATE TABLE exposures (
    exposure BIGSERIAL NOT NULL,
    experiment VARCHAR(256) NOT NULL,
    arm VARCHAR(256) NOT NULL,
    user_no BIGINT,
    session VARCHAR(256),
    recommendation_id VARCHAR(256),
    exposed_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (exposure),
    FOREIGN KEY(user_no) REFERENCES users (user_no) ON DELETE CASCADE
);
CREATE INDEX ix_exposures_user_no ON exposures (user_no);
CREATE INDEX ix_exposures_experiment ON exposures (experiment, user_no);
COMMENT ON TABLE exposures IS 'who saw which arm';
CREATE TABLE activations (
    activation BIGSERIAL NOT NULL,
    scenario VARCHAR(256) NOT NULL,
    version VARCHAR(256) NOT NULL,
    actor VARCHAR(256) NOT NULL,
    activated_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (activation),
    FOREIGN KEY(version) REFERENCES models (version)
);
CREATE INDEX ix_activations_scenario ON activations (scenario);
COMMENT ON TABLE activations IS 'which version serves a scenario: the newest row; rolling back is activating an older version';
CREATE TABLE cases (
    "case" BIGSERIAL NOT NULL,
    item_id VARCHAR(256),
    user_no BIGINT,
    reporter_no BIGINT,
    policy VARCHAR(256),
    state VARCHAR(256) NOT NULL,
    evidence JSON NOT NULL,
    decision VARCHAR(256),
    reason TEXT,
    decided_by VARCHAR(256),
    opened_at DOUBLE PRECISION NOT NULL,
    decided_at DOUBLE PRECISION,
    PRIMARY KEY ("case"),
    FOREIGN KEY(user_no) REFERENCES users (user_no) ON DELETE CASCADE,
    FOREIGN KEY(reporter_no) REFERENCES users (user_no) ON DELETE CASCADE
);
CREATE INDEX ix_cases_user_no ON cases (user_no);
CREATE INDEX ix_cases_state ON cases (state);
CREATE INDEX ix_cases_reporter_no ON cases (reporter_no);
CREATE INDEX ix_cases_item_id ON cases (item_id);
COMMENT ON TABLE cases IS 'the review queue: what was reported or flagged, the evidence, the decision and its reason';
