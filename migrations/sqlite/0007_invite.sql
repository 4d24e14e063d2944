-- How people come into organizations that exist, and the mail that tells them.

CREATE TABLE invite (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL REFERENCES organization (id),
    email           TEXT    NOT NULL,               -- lower case; only a person with this address can accept
    role            TEXT    NOT NULL,
    hash            BLOB    NOT NULL UNIQUE,        -- SHA-256 of the token
    status          TEXT    NOT NULL,               -- pending | accepted | revoked
    invited_by      TEXT    NOT NULL REFERENCES person (id),
    created_at_us   INTEGER NOT NULL,
    expires_at_us   INTEGER NOT NULL,
    accepted_by     TEXT    REFERENCES person (id),
    ended_at_us     INTEGER                         -- when it was accepted or revoked
) STRICT;

CREATE INDEX invite_organization ON invite (organization_id, id);
CREATE INDEX invite_email ON invite (email) WHERE status = 'pending';
CREATE UNIQUE INDEX invite_pending ON invite (organization_id, email) WHERE status = 'pending';

-- Mail that no server took away: the operator reads it here. The oldest makes room.
CREATE TABLE mail (
    id            TEXT    NOT NULL PRIMARY KEY,
    recipient     TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    body          TEXT    NOT NULL,
    created_at_us INTEGER NOT NULL
) STRICT;
