-- Who there is and what they may do. Ids and times come from the caller; times are microseconds since 1970; a BIGINT of
-- another engine is INTEGER here because STRICT tables (which never let a float or a text into a number) know no BIGINT.

CREATE TABLE person (
    id            TEXT    NOT NULL PRIMARY KEY,
    email         TEXT    NOT NULL UNIQUE,          -- lower case
    password_hash TEXT    NOT NULL,
    is_operator   INTEGER NOT NULL,                 -- 0 or 1
    created_at_us INTEGER NOT NULL
) STRICT;

CREATE TABLE organization (
    id                  TEXT    NOT NULL PRIMARY KEY,
    name                TEXT    NOT NULL,
    plan                TEXT    NOT NULL,           -- plans are data in the configuration
    markup_basis_points INTEGER NOT NULL CHECK (markup_basis_points >= 0),
    status              TEXT    NOT NULL,           -- active | suspended
    created_at_us       INTEGER NOT NULL
) STRICT;

CREATE TABLE member (
    organization_id TEXT    NOT NULL REFERENCES organization (id),
    person_id       TEXT    NOT NULL REFERENCES person (id),
    role            TEXT    NOT NULL,               -- owner | admin | billing | developer | viewer
    created_at_us   INTEGER NOT NULL,
    PRIMARY KEY (organization_id, person_id)
) STRICT;

CREATE INDEX member_person ON member (person_id);

CREATE TABLE project (
    id                TEXT    NOT NULL PRIMARY KEY,
    organization_id   TEXT    NOT NULL REFERENCES organization (id),
    name              TEXT    NOT NULL,
    mode              TEXT    NOT NULL,             -- credits | api-keys | hybrid
    cache_enabled     INTEGER NOT NULL,             -- 0 or 1
    cache_ttl_seconds INTEGER NOT NULL,
    created_at_us     INTEGER NOT NULL,
    updated_at_us     INTEGER NOT NULL,
    UNIQUE (organization_id, name)
) STRICT;

CREATE TABLE api_key (
    id                TEXT    NOT NULL PRIMARY KEY,
    organization_id   TEXT    NOT NULL REFERENCES organization (id),
    project_id        TEXT    NOT NULL REFERENCES project (id),
    name              TEXT    NOT NULL,
    hash              BLOB    NOT NULL UNIQUE,      -- SHA-256 of the whole key
    prefix            TEXT    NOT NULL,             -- for display
    last4             TEXT    NOT NULL,             -- for display
    imported          INTEGER NOT NULL,             -- 1: another product's spelling
    status            TEXT    NOT NULL,             -- active | revoked
    expires_at_us     INTEGER,
    rpm               INTEGER,                      -- requests a minute; NULL: no limit, as in the next two
    tpm               INTEGER,                      -- tokens a minute
    concurrency       INTEGER,                      -- calls at once
    allowed_models    TEXT,                         -- JSON array of model ids; NULL: all
    created_by        TEXT    REFERENCES person (id),
    created_at_us     INTEGER NOT NULL,
    revoked_at_us     INTEGER,
    last_used_at_us   INTEGER
) STRICT;

CREATE INDEX api_key_organization ON api_key (organization_id, id);
CREATE INDEX api_key_project ON api_key (project_id);

CREATE TABLE management_key (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL REFERENCES organization (id),
    name            TEXT    NOT NULL,
    hash            BLOB    NOT NULL UNIQUE,
    prefix          TEXT    NOT NULL,
    last4           TEXT    NOT NULL,
    status          TEXT    NOT NULL,               -- active | revoked
    expires_at_us   INTEGER,
    created_by      TEXT    NOT NULL REFERENCES person (id),
    created_at_us   INTEGER NOT NULL,
    revoked_at_us   INTEGER,
    last_used_at_us INTEGER
) STRICT;

CREATE INDEX management_key_organization ON management_key (organization_id, id);

-- The outbox that gateways follow: a row is written in the same transaction as the change it tells of, so that it is
-- never lost and never early. With one writer at a time, revisions become visible in their own order.
CREATE TABLE change (
    revision        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    organization_id TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    subject         TEXT    NOT NULL,               -- id of what changed
    key_hash        BLOB,                           -- when one API key changed
    at_us           INTEGER NOT NULL
) STRICT;
