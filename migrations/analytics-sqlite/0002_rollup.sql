-- Sums by hour and by day, of all calls together and by each property alone, so that a question reads about as many rows as
-- its answer has. Only a question about several properties reads the rows that are split by all of them.
-- What is there is summed anew from the calls by the program that opens the file (`rollup_fill`).

DROP TABLE rollup_hour;

CREATE TABLE rollup (
    organization_id  BLOB    NOT NULL,
    span             INTEGER NOT NULL,              -- 1 an hour, 2 a day of UTC
    slice            INTEGER NOT NULL,              -- split by: 0 nothing, 1 model, 2 provider, 3 project, 4 API key, 9 all of them
    start_us         INTEGER NOT NULL,              -- by the start of the call
    project_id       BLOB    NOT NULL,              -- what the slice does not split by is empty
    api_key_id       BLOB    NOT NULL,
    provider         TEXT    NOT NULL,
    model            TEXT    NOT NULL,
    used_mode        TEXT    NOT NULL,              -- each slice is split by who paid: that makes few rows more
    calls            INTEGER NOT NULL,
    settled          INTEGER NOT NULL,
    voided           INTEGER NOT NULL,
    orphaned         INTEGER NOT NULL,
    failed           INTEGER NOT NULL,              -- answered with a status of 400 or above
    cancelled        INTEGER NOT NULL,
    cache_hits       INTEGER NOT NULL,
    estimated        INTEGER NOT NULL,
    input            INTEGER NOT NULL,
    cached_input     INTEGER NOT NULL,
    cache_write_5m   INTEGER NOT NULL,
    cache_write_1h   INTEGER NOT NULL,
    audio_input      INTEGER NOT NULL,
    output           INTEGER NOT NULL,
    reasoning        INTEGER NOT NULL,
    audio_output     INTEGER NOT NULL,
    image_output     INTEGER NOT NULL,
    searches         INTEGER NOT NULL,
    duration_ms      INTEGER NOT NULL,
    first_token_ms   INTEGER NOT NULL,
    first_tokens     INTEGER NOT NULL,              -- calls that had a first token
    overhead_us      INTEGER NOT NULL,
    cost             INTEGER NOT NULL,
    charged          INTEGER NOT NULL,
    duration_bins    TEXT    NOT NULL,              -- a histogram, see crates/analytics/src/bins.rs
    first_token_bins TEXT    NOT NULL,
    PRIMARY KEY (organization_id, span, slice, start_us, project_id, api_key_id, provider, model, used_mode)
) STRICT, WITHOUT ROWID;

-- How far the calls that were there before this table are summed: those up to `done`, of those up to `last`.
CREATE TABLE rollup_fill (
    done INTEGER NOT NULL,
    last INTEGER NOT NULL
) STRICT;
INSERT INTO rollup_fill (done, last) SELECT 0, MAX(rowid) FROM call HAVING MAX(rowid) IS NOT NULL;

-- A page of calls is chosen in the index alone: of a call that a filter refuses, its row is not read.
DROP INDEX call_organization;
CREATE INDEX call_choice ON call (organization_id, started_at_us, request_id, model, provider, http_status, cache, used_mode,
    api_key_id, project_id, outcome, error_code, end_user, session, tags);
-- The same for calls with an error code: they are few, and one code among them fewer.
CREATE INDEX call_error ON call (organization_id, error_code, started_at_us, request_id, model, provider, http_status, cache, used_mode,
    api_key_id, project_id, outcome, end_user, session, tags) WHERE error_code <> '';
