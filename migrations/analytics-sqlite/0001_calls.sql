-- Every call, and its sums by hour. Ids are the 16 bytes of a UUID; times are microseconds since 1970; money is nano-USD.

CREATE TABLE call (
    request_id      BLOB    NOT NULL UNIQUE,        -- the idempotency id of the event
    organization_id BLOB    NOT NULL,
    project_id      BLOB    NOT NULL,
    api_key_id      BLOB    NOT NULL,
    lease_id        BLOB,
    gateway         BLOB    NOT NULL,
    epoch           INTEGER NOT NULL,
    lane            INTEGER NOT NULL,
    seq             INTEGER NOT NULL,
    requested_model TEXT    NOT NULL,
    model           TEXT    NOT NULL,
    provider        TEXT    NOT NULL,
    dialect         TEXT    NOT NULL,
    stream          INTEGER NOT NULL,
    mode            TEXT    NOT NULL,
    used_mode       TEXT    NOT NULL,
    outcome         TEXT    NOT NULL,               -- settled | voided | orphaned
    http_status     INTEGER NOT NULL,
    error_code      TEXT    NOT NULL,
    finish_reason   TEXT    NOT NULL,
    upstream_id     TEXT    NOT NULL,
    upstream_status INTEGER NOT NULL,
    duration_ms     INTEGER NOT NULL,
    first_token_ms  INTEGER NOT NULL,               -- 0: there was none
    overhead_us     INTEGER NOT NULL,
    cancelled       INTEGER NOT NULL,
    cache           TEXT    NOT NULL,               -- miss | hit | off
    input           INTEGER NOT NULL,
    cached_input    INTEGER NOT NULL,
    cache_write_5m  INTEGER NOT NULL,
    cache_write_1h  INTEGER NOT NULL,
    audio_input     INTEGER NOT NULL,
    output          INTEGER NOT NULL,
    reasoning       INTEGER NOT NULL,
    audio_output    INTEGER NOT NULL,
    image_output    INTEGER NOT NULL,
    searches        INTEGER NOT NULL,
    estimated       INTEGER NOT NULL,
    cost            INTEGER NOT NULL,
    charged         INTEGER NOT NULL,
    hold            INTEGER NOT NULL,
    price_version   INTEGER NOT NULL,
    provider_cost   INTEGER,
    started_at_us   INTEGER NOT NULL,
    ended_at_us     INTEGER NOT NULL,
    tags            TEXT    NOT NULL,               -- JSON array
    metadata        TEXT    NOT NULL,               -- JSON, or empty
    end_user        TEXT    NOT NULL,
    session         TEXT    NOT NULL,
    attempts        TEXT    NOT NULL                -- JSON array
) STRICT;

CREATE INDEX call_organization ON call (organization_id, started_at_us, request_id);

-- One row per hour of the call's start (UTC), tenant, project, key, provider, model and payer.
CREATE TABLE rollup_hour (
    organization_id BLOB    NOT NULL,
    hour_us         INTEGER NOT NULL,
    project_id      BLOB    NOT NULL,
    api_key_id      BLOB    NOT NULL,
    provider        TEXT    NOT NULL,
    model           TEXT    NOT NULL,
    used_mode       TEXT    NOT NULL,
    calls           INTEGER NOT NULL,
    settled         INTEGER NOT NULL,
    voided          INTEGER NOT NULL,
    orphaned        INTEGER NOT NULL,
    failed          INTEGER NOT NULL,               -- answered with a status of 400 or above
    cancelled       INTEGER NOT NULL,
    cache_hits      INTEGER NOT NULL,
    estimated       INTEGER NOT NULL,
    input           INTEGER NOT NULL,
    cached_input    INTEGER NOT NULL,
    cache_write_5m  INTEGER NOT NULL,
    cache_write_1h  INTEGER NOT NULL,
    audio_input     INTEGER NOT NULL,
    output          INTEGER NOT NULL,
    reasoning       INTEGER NOT NULL,
    audio_output    INTEGER NOT NULL,
    image_output    INTEGER NOT NULL,
    searches        INTEGER NOT NULL,
    duration_ms     INTEGER NOT NULL,
    first_token_ms  INTEGER NOT NULL,
    first_tokens    INTEGER NOT NULL,               -- calls that had a first token
    overhead_us     INTEGER NOT NULL,
    cost            INTEGER NOT NULL,
    charged         INTEGER NOT NULL,
    PRIMARY KEY (organization_id, hour_us, project_id, api_key_id, provider, model, used_mode)
) STRICT, WITHOUT ROWID;

-- All calls ever taken in, by tenant and by life of a gateway: what reconcile compares.
CREATE TABLE source_total (
    organization_id BLOB    NOT NULL,
    gateway         BLOB    NOT NULL,
    epoch           INTEGER NOT NULL,
    calls           INTEGER NOT NULL,
    settled         INTEGER NOT NULL,
    voided          INTEGER NOT NULL,
    orphaned        INTEGER NOT NULL,
    failed          INTEGER NOT NULL,
    cancelled       INTEGER NOT NULL,
    cache_hits      INTEGER NOT NULL,
    estimated       INTEGER NOT NULL,
    input           INTEGER NOT NULL,
    cached_input    INTEGER NOT NULL,
    cache_write_5m  INTEGER NOT NULL,
    cache_write_1h  INTEGER NOT NULL,
    audio_input     INTEGER NOT NULL,
    output          INTEGER NOT NULL,
    reasoning       INTEGER NOT NULL,
    audio_output    INTEGER NOT NULL,
    image_output    INTEGER NOT NULL,
    searches        INTEGER NOT NULL,
    duration_ms     INTEGER NOT NULL,
    first_token_ms  INTEGER NOT NULL,
    first_tokens    INTEGER NOT NULL,
    overhead_us     INTEGER NOT NULL,
    cost            INTEGER NOT NULL,
    charged         INTEGER NOT NULL,
    PRIMARY KEY (organization_id, gateway, epoch)
) STRICT, WITHOUT ROWID;

-- Where the analytics consumer stands in each gateway's log.
CREATE TABLE consumer_offset (
    gateway     BLOB    NOT NULL PRIMARY KEY,
    epoch       INTEGER NOT NULL,
    segment     INTEGER NOT NULL,
    byte_offset INTEGER NOT NULL
) STRICT;
