-- Who there is and what they may do. Ids and times come from the caller; times are microseconds since 1970. Types are those
-- that the other engine has, too, so that one set of statements serves both. Texts compare by their bytes, as they do there.

CREATE TABLE person (
    id            TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    email         TEXT COLLATE "C"    NOT NULL UNIQUE,          -- lower case
    password_hash TEXT COLLATE "C"    NOT NULL,
    is_operator   BIGINT NOT NULL,                 -- 0 or 1
    created_at_us BIGINT NOT NULL
);

CREATE TABLE organization (
    id                  TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    name                TEXT COLLATE "C"    NOT NULL,
    plan                TEXT COLLATE "C"    NOT NULL,           -- plans are data in the configuration
    markup_basis_points BIGINT NOT NULL CHECK (markup_basis_points >= 0),
    status              TEXT COLLATE "C"    NOT NULL,           -- active | suspended
    created_at_us       BIGINT NOT NULL
);

CREATE TABLE member (
    organization_id TEXT COLLATE "C"    NOT NULL REFERENCES organization (id),
    person_id       TEXT COLLATE "C"    NOT NULL REFERENCES person (id),
    role            TEXT COLLATE "C"    NOT NULL,               -- owner | admin | billing | developer | viewer
    created_at_us   BIGINT NOT NULL,
    PRIMARY KEY (organization_id, person_id)
);

CREATE INDEX member_person ON member (person_id);

CREATE TABLE project (
    id                TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    organization_id   TEXT COLLATE "C"    NOT NULL REFERENCES organization (id),
    name              TEXT COLLATE "C"    NOT NULL,
    mode              TEXT COLLATE "C"    NOT NULL,             -- credits | api-keys | hybrid
    cache_enabled     BIGINT NOT NULL,             -- 0 or 1
    cache_ttl_seconds BIGINT NOT NULL,
    created_at_us     BIGINT NOT NULL,
    updated_at_us     BIGINT NOT NULL,
    UNIQUE (organization_id, name)
);

CREATE TABLE api_key (
    id                TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    organization_id   TEXT COLLATE "C"    NOT NULL REFERENCES organization (id),
    project_id        TEXT COLLATE "C"    NOT NULL REFERENCES project (id),
    name              TEXT COLLATE "C"    NOT NULL,
    hash              BYTEA    NOT NULL UNIQUE,      -- SHA-256 of the whole key
    prefix            TEXT COLLATE "C"    NOT NULL,             -- for display
    last4             TEXT COLLATE "C"    NOT NULL,             -- for display
    imported          BIGINT NOT NULL,             -- 1: another product's spelling
    status            TEXT COLLATE "C"    NOT NULL,             -- active | revoked
    expires_at_us     BIGINT,
    rpm               BIGINT,                      -- requests a minute; NULL: no limit, as in the next two
    tpm               BIGINT,                      -- tokens a minute
    concurrency       BIGINT,                      -- calls at once
    allowed_models    TEXT COLLATE "C",                         -- JSON array of model ids; NULL: all
    created_by        TEXT COLLATE "C"    REFERENCES person (id),
    created_at_us     BIGINT NOT NULL,
    revoked_at_us     BIGINT,
    last_used_at_us   BIGINT
);

CREATE INDEX api_key_organization ON api_key (organization_id, id);
CREATE INDEX api_key_project ON api_key (project_id);

CREATE TABLE management_key (
    id              TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    organization_id TEXT COLLATE "C"    NOT NULL REFERENCES organization (id),
    name            TEXT COLLATE "C"    NOT NULL,
    hash            BYTEA    NOT NULL UNIQUE,
    prefix          TEXT COLLATE "C"    NOT NULL,
    last4           TEXT COLLATE "C"    NOT NULL,
    status          TEXT COLLATE "C"    NOT NULL,               -- active | revoked
    expires_at_us   BIGINT,
    created_by      TEXT COLLATE "C"    NOT NULL REFERENCES person (id),
    created_at_us   BIGINT NOT NULL,
    revoked_at_us   BIGINT,
    last_used_at_us BIGINT
);

CREATE INDEX management_key_organization ON management_key (organization_id, id);

-- The outbox that gateways follow: a row is written in the same transaction as the change it tells of, so that it is
-- never lost and never early. With one writer at a time, revisions become visible in their own order.
CREATE TABLE change (
    revision        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id TEXT COLLATE "C"    NOT NULL,
    kind            TEXT COLLATE "C"    NOT NULL,
    subject         TEXT COLLATE "C"    NOT NULL,               -- id of what changed
    key_hash        BYTEA,                           -- when one API key changed
    at_us           BIGINT NOT NULL
);
