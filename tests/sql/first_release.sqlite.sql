-- The tables of the first release, as it made them.
CREATE TABLE schema_version (
    version INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    applied_at DOUBLE NOT NULL
);
CREATE TABLE users (
    user_no INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    user_id VARCHAR(256) NOT NULL,
    profile JSON NOT NULL,
    personalisation BOOLEAN NOT NULL,
    sensitive_profiling BOOLEAN NOT NULL,
    conversation_memory BOOLEAN NOT NULL,
    created_at DOUBLE NOT NULL,
    updated_at DOUBLE NOT NULL,
    UNIQUE (user_id)
);
CREATE TABLE erasures (
    erasure INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    pseudonym VARCHAR(256) NOT NULL,
    removed JSON NOT NULL,
    job_id VARCHAR(256),
    erased_at DOUBLE NOT NULL,
    models_clean_at DOUBLE
);
CREATE TABLE privacy_releases (
    release INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    purpose VARCHAR(256) NOT NULL,
    mechanism VARCHAR(256) NOT NULL,
    epsilon DOUBLE NOT NULL,
    delta DOUBLE NOT NULL,
    model_version VARCHAR(256),
    released_at DOUBLE NOT NULL
);
CREATE TABLE items (
    item_no INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    item_id VARCHAR(256) NOT NULL,
    attributes JSON NOT NULL,
    state VARCHAR(256) NOT NULL,
    created_at DOUBLE NOT NULL,
    updated_at DOUBLE NOT NULL,
    UNIQUE (item_id)
);
CREATE TABLE counters (
    name VARCHAR(256) NOT NULL,
    window_start BIGINT NOT NULL,
    value DOUBLE NOT NULL,
    PRIMARY KEY (name, window_start)
);
CREATE TABLE experiments (
    experiment VARCHAR(256) NOT NULL,
    scenario VARCHAR(256) NOT NULL,
    salt VARCHAR(256) NOT NULL,
    state VARCHAR(256) NOT NULL,
    definition JSON NOT NULL,
    created_at DOUBLE NOT NULL,
    started_at DOUBLE,
    stopped_at DOUBLE,
    PRIMARY KEY (experiment)
);
CREATE TABLE models (
    version VARCHAR(256) NOT NULL,
    bundle VARCHAR(256) NOT NULL,
    recipe_fingerprint VARCHAR(256) NOT NULL,
    data_fingerprint VARCHAR(256) NOT NULL,
    event_offset BIGINT NOT NULL,
    metrics JSON NOT NULL,
    state VARCHAR(256) NOT NULL,
    created_at DOUBLE NOT NULL,
    PRIMARY KEY (version)
);
CREATE TABLE jobs (
    job_id VARCHAR(256) NOT NULL,
    kind VARCHAR(256) NOT NULL,
    state VARCHAR(256) NOT NULL,
    arguments JSON NOT NULL,
    progress DOUBLE NOT NULL,
    result JSON,
    worker VARCHAR(256),
    created_at DOUBLE NOT NULL,
    started_at DOUBLE,
    heartbeat_at DOUBLE,
    finished_at DOUBLE,
    PRIMARY KEY (job_id)
);
CREATE INDEX ix_jobs_state ON jobs (state);
CREATE TABLE changes (
    "offset" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    resource VARCHAR(256) NOT NULL,
    "row" VARCHAR(256) NOT NULL,
    changed_at DOUBLE NOT NULL
);
CREATE TABLE consumers (
    consumer VARCHAR(256) NOT NULL,
    position VARCHAR(256) NOT NULL,
    updated_at DOUBLE NOT NULL,
    PRIMARY KEY (consumer)
);
CREATE TABLE rules (
    rule VARCHAR(256) NOT NULL,
    kind VARCHAR(256) NOT NULL,
    scenario VARCHAR(256) NOT NULL,
    priority INTEGER NOT NULL,
    enabled BOOLEAN NOT NULL,
    definition JSON NOT NULL,
    valid_from DOUBLE,
    valid_until DOUBLE,
    updated_at DOUBLE NOT NULL,
    PRIMARY KEY (rule)
);
CREATE TABLE policies (
    policy VARCHAR(256) NOT NULL,
    version INTEGER NOT NULL,
    enabled BOOLEAN NOT NULL,
    definition JSON NOT NULL,
    created_at DOUBLE NOT NULL,
    PRIMARY KEY (policy, version)
);
CREATE TABLE switches (
    scenario VARCHAR(256) NOT NULL,
    off BOOLEAN NOT NULL,
    fallback JSON NOT NULL,
    actor VARCHAR(256) NOT NULL,
    changed_at DOUBLE NOT NULL,
    PRIMARY KEY (scenario)
);
CREATE TABLE audit (
    entry INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    actor VARCHAR(256) NOT NULL,
    action VARCHAR(256) NOT NULL,
    subject VARCHAR(256) NOT NULL,
    details TEXT NOT NULL,
    done_at DOUBLE NOT NULL,
    previous VARCHAR(256) NOT NULL,
    hash VARCHAR(256) NOT NULL,
    UNIQUE (hash)
);
CREATE TABLE api_keys (
    key_id VARCHAR(256) NOT NULL,
    name VARCHAR(256) NOT NULL,
    digest VARCHAR(256) NOT NULL,
    scopes JSON NOT NULL,
    created_at DOUBLE NOT NULL,
    expires_at DOUBLE,
    revoked_at DOUBLE,
    PRIMARY KEY (key_id),
    UNIQUE (digest)
);
CREATE TABLE pseudonyms (
    pseudonym VARCHAR(256) NOT NULL,
    user_no INTEGER NOT NULL,
    "key" BLOB NOT NULL,
    created_at DOUBLE NOT NULL,
    retired_at DOUBLE,
    PRIMARY KEY (pseudonym),
    FOREIGN KEY(user_no) REFERENCES users (user_no) ON DELETE CASCADE
);
CREATE INDEX ix_pseudonyms_user_no ON pseudonyms (user_no);
CREATE TABLE links (
    from_no INTEGER NOT NULL,
    to_no INTEGER NOT NULL,
    kind VARCHAR(256) NOT NULL,
    weight DOUBLE NOT NULL,
    created_at DOUBLE NOT NULL,
    PRIMARY KEY (from_no, to_no, kind),
    FOREIGN KEY(from_no) REFERENCES users (user_no) ON DELETE CASCADE,
    FOREIGN KEY(to_no) REFERENCES users (user_no) ON DELETE CASCADE
);
CREATE INDEX ix_links_to_no ON links (to_no);
CREATE TABLE reviews (
    review INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    review_id VARCHAR(256) NOT NULL,
    user_no INTEGER NOT NULL,
    item_id VARCHAR(256) NOT NULL,
    text TEXT NOT NULL,
    rating DOUBLE,
    time BIGINT NOT NULL,
    received_at DOUBLE NOT NULL,
    UNIQUE (review_id),
    FOREIGN KEY(user_no) REFERENCES users (user_no) ON DELETE CASCADE
);
CREATE INDEX ix_reviews_item_id ON reviews (item_id);
CREATE INDEX ix_reviews_user_no ON reviews (user_no);
CREATE TABLE item_vectors (
    item_no INTEGER NOT NULL,
    modality VARCHAR(256) NOT NULL,
    fingerprint VARCHAR(256) NOT NULL,
    vector BLOB NOT NULL,
    present BOOLEAN NOT NULL,
    encoded_at DOUBLE NOT NULL,
    PRIMARY KEY (item_no, modality, fingerprint),
    FOREIGN KEY(item_no) REFERENCES items (item_no) ON DELETE CASCADE
);
CREATE TABLE media (
    item_no INTEGER NOT NULL,
    modality VARCHAR(256) NOT NULL,
    position INTEGER NOT NULL,
    digest VARCHAR(256) NOT NULL,
    media_type VARCHAR(256) NOT NULL,
    size BIGINT NOT NULL,
    created_at DOUBLE NOT NULL,
    PRIMARY KEY (item_no, modality, position),
    FOREIGN KEY(item_no) REFERENCES items (item_no) ON DELETE CASCADE
);
CREATE INDEX ix_media_digest ON media (digest);
CREATE TABLE events (
    "offset" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    event_id VARCHAR(256) NOT NULL,
    user_no INTEGER,
    item_id VARCHAR(256) NOT NULL,
    kind VARCHAR(256) NOT NULL,
    time BIGINT NOT NULL,
    weight DOUBLE,
    recommendation_id VARCHAR(256),
    position INTEGER,
    session VARCHAR(256),
    context JSON,
    received_at DOUBLE NOT NULL,
    UNIQUE (event_id),
    FOREIGN KEY(user_no) REFERENCES users (user_no) ON DELETE CASCADE
);
CREATE INDEX ix_events_history ON events (user_no, time, "offset");
CREATE INDEX ix_events_item ON events (item_id, "offset");
CREATE INDEX ix_events_time ON events (time);
CREATE TABLE recommendations (
    recommendation_id VARCHAR(256) NOT NULL,
    user_no INTEGER,
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
    made_at DOUBLE NOT NULL,
    PRIMARY KEY (recommendation_id),
    FOREIGN KEY(user_no) REFERENCES users (user_no) ON DELETE CASCADE
);
CREATE INDEX ix_recommendations_user ON recommendations (user_no, made_at);
CREATE INDEX ix_recommendations_made ON recommendations (made_at);
CREATE TABLE conversations (
    conversation_id VARCHAR(256) NOT NULL,
    user_no INTEGER,
    session VARCHAR(256),
    state JSON NOT NULL,
    created_at DOUBLE NOT NULL,
    updated_at DOUBLE NOT NULL,
    PRIMARY KEY (conversation_id),
    FOREIGN KEY(user_no) REFERENCES users (user_no) ON DELETE CASCADE
);
CREATE INDEX ix_conversations_user_no ON conversations (user_no);
CREATE TABLE messages (
    message INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    conversation_id VARCHAR(256) NOT NULL,
    user_no INTEGER,
    role VARCHAR(256) NOT NULL,
    text TEXT NOT NULL,
    data JSON,
    said_at DOUBLE NOT NULL,
    FOREIGN KEY(user_no) REFERENCES users (user_no) ON DELETE CASCADE
);
CREATE INDEX ix_messages_user_no ON messages (user_no);
CREATE INDEX ix_messages_conversation_id ON messages (conversation_id);
CREATE TABLE user_counters (
    user_no INTEGER NOT NULL,
    name VARCHAR(256) NOT NULL,
    window_start BIGINT NOT NULL,
    value DOUBLE NOT NULL,
    PRIMARY KEY (user_no, name, window_start),
    FOREIGN KEY(user_no) REFERENCES users (user_no) ON DELETE CASCADE
);
CREATE TABLE arms (
    experiment VARCHAR(256) NOT NULL,
    arm VARCHAR(256) NOT NULL,
    share DOUBLE NOT NULL,
    settings JSON NOT NULL,
    PRIMARY KEY (experiment, arm),
    FOREIGN KEY(experiment) REFERENCES experiments (experiment) ON DELETE CASCADE
);
CREATE TABLE exposures (
    exposure INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    experiment VARCHAR(256) NOT NULL,
    arm VARCHAR(256) NOT NULL,
    user_no INTEGER,
    session VARCHAR(256),
    recommendation_id VARCHAR(256),
    exposed_at DOUBLE NOT NULL,
    FOREIGN KEY(user_no) REFERENCES users (user_no) ON DELETE CASCADE
);
CREATE INDEX ix_exposures_user_no ON exposures (user_no);
CREATE INDEX ix_exposures_experiment ON exposures (experiment, user_no);
CREATE TABLE activations (
    activation INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    scenario VARCHAR(256) NOT NULL,
    version VARCHAR(256) NOT NULL,
    actor VARCHAR(256) NOT NULL,
    activated_at DOUBLE NOT NULL,
    FOREIGN KEY(version) REFERENCES models (version)
);
CREATE INDEX ix_activations_scenario ON activations (scenario);
CREATE TABLE cases (
    "case" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    item_id VARCHAR(256),
    user_no INTEGER,
    reporter_no INTEGER,
    policy VARCHAR(256),
    state VARCHAR(256) NOT NULL,
    evidence JSON NOT NULL,
    decision VARCHAR(256),
    reason TEXT,
    decided_by VARCHAR(256),
    opened_at DOUBLE NOT NULL,
    decided_at DOUBLE,
    FOREIGN KEY(user_no) REFERENCES users (user_no) ON DELETE CASCADE,
    FOREIGN KEY(reporter_no) REFERENCES users (user_no) ON DELETE CASCADE
);
CREATE INDEX ix_cases_user_no ON cases (user_no);
CREATE INDEX ix_cases_state ON cases (state);
CREATE INDEX ix_cases_reporter_no ON cases (reporter_no);
CREATE INDEX ix_cases_item_id ON cases (item_id);
