-- People log in with a browser.

ALTER TABLE person ADD COLUMN name TEXT COLLATE "C" NOT NULL DEFAULT '';  -- for display; may be empty

-- A browser that is logged in. A row that is gone is a session that has ended.
CREATE TABLE session (
    id              TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    person_id       TEXT COLLATE "C"    NOT NULL REFERENCES person (id),
    organization_id TEXT COLLATE "C"    NOT NULL REFERENCES organization (id),  -- the one that it shows unless asked for another
    hash            BYTEA    NOT NULL UNIQUE,        -- SHA-256 of the token
    address         TEXT COLLATE "C"    NOT NULL,               -- who logged in, for the person to recognise; may be empty
    user_agent      TEXT COLLATE "C"    NOT NULL,               -- cut; may be empty
    created_at_us   BIGINT NOT NULL,
    last_used_at_us BIGINT NOT NULL                -- about
);

CREATE INDEX session_person ON session (person_id, id);
