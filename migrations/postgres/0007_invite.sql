-- How people come into organizations that exist, and the mail that tells them.

CREATE TABLE invite (
    id              TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    organization_id TEXT COLLATE "C"    NOT NULL REFERENCES organization (id),
    email           TEXT COLLATE "C"    NOT NULL,               -- lower case; only a person with this address can accept
    role            TEXT COLLATE "C"    NOT NULL,
    hash            BYTEA    NOT NULL UNIQUE,        -- SHA-256 of the token
    status          TEXT COLLATE "C"    NOT NULL,               -- pending | accepted | revoked
    invited_by      TEXT COLLATE "C"    NOT NULL REFERENCES person (id),
    created_at_us   BIGINT NOT NULL,
    expires_at_us   BIGINT NOT NULL,
    accepted_by     TEXT COLLATE "C"    REFERENCES person (id),
    ended_at_us     BIGINT                         -- when it was accepted or revoked
);

CREATE INDEX invite_organization ON invite (organization_id, id);
CREATE INDEX invite_email ON invite (email) WHERE status = 'pending';
CREATE UNIQUE INDEX invite_pending ON invite (organization_id, email) WHERE status = 'pending';

-- Mail that no server took away: the operator reads it here. The oldest makes room.
CREATE TABLE mail (
    id            TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    recipient     TEXT COLLATE "C"    NOT NULL,
    subject       TEXT COLLATE "C"    NOT NULL,
    body          TEXT COLLATE "C"    NOT NULL,
    created_at_us BIGINT NOT NULL
);
