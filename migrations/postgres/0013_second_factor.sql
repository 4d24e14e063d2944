-- A second thing that proves a person: codes of an authenticator app, and recovery codes for when it is lost.

CREATE TABLE totp (
    person_id       TEXT COLLATE "C"    NOT NULL PRIMARY KEY REFERENCES person (id),
    sealed          BYTEA   NOT NULL,               -- the secret, under a master key of the instance
    confirmed_at_us BIGINT,                        -- NULL: waits for its first code, and asks for nothing yet
    last_step       BIGINT NOT NULL DEFAULT 0,     -- of 30 s; codes of it and of steps before it work no more
    created_at_us   BIGINT NOT NULL
);

-- A row that is gone is a code that was used.
CREATE TABLE recovery_code (
    person_id TEXT COLLATE "C" NOT NULL REFERENCES person (id),
    hash      BYTEA NOT NULL,                        -- SHA-256 of the person's id and the code
    PRIMARY KEY (person_id, hash)
);

-- Somebody whom the first thing proved, and who owes the second.
CREATE TABLE pending_log_in (
    hash          BYTEA   NOT NULL PRIMARY KEY,     -- SHA-256 of the token
    person_id     TEXT COLLATE "C"    NOT NULL REFERENCES person (id),
    proof         TEXT COLLATE "C"    NOT NULL,                 -- as in session
    created_at_us BIGINT NOT NULL,
    expires_at_us BIGINT NOT NULL
);

CREATE INDEX pending_log_in_person ON pending_log_in (person_id, created_at_us);
CREATE INDEX pending_log_in_age ON pending_log_in (expires_at_us);

ALTER TABLE session ADD COLUMN proof TEXT COLLATE "C" NOT NULL DEFAULT 'password';  -- what proved the person
ALTER TABLE session ADD COLUMN second_factor TEXT COLLATE "C";                      -- totp | recovery_code; NULL: none was asked for
