-- Accounts: addresses that were proven, people who are switched off, letters that a mail server takes away, and the tokens in them.

ALTER TABLE person ADD COLUMN email_verified_at_us BIGINT;  -- when a token of a letter came back; NULL: never
ALTER TABLE person ADD COLUMN disabled_at_us BIGINT;        -- NULL: may log in

ALTER TABLE mail ADD COLUMN secret TEXT COLLATE "C";                     -- stands in the body for the character 26; NULL: there is none (any more)
ALTER TABLE mail ADD COLUMN secret_ends_at_us BIGINT;       -- from when on the secret opens nothing
ALTER TABLE mail ADD COLUMN status TEXT COLLATE "C" NOT NULL DEFAULT 'kept';  -- waiting | sent | kept | failed | withdrawn
ALTER TABLE mail ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mail ADD COLUMN next_at_us BIGINT NOT NULL DEFAULT 0;  -- when a waiting letter is due
ALTER TABLE mail ADD COLUMN error TEXT COLLATE "C";                      -- of the last try

CREATE INDEX mail_due ON mail (next_at_us) WHERE status = 'waiting';
CREATE INDEX mail_secret ON mail (secret_ends_at_us) WHERE secret IS NOT NULL;

ALTER TABLE invite ADD COLUMN mail_id TEXT COLLATE "C";                  -- its letter

-- Letters of before: the whole text counts as secret. Those of invitations that are over are blanked at the next sweep.
UPDATE invite SET mail_id = (SELECT MAX(m.id) FROM mail m WHERE m.recipient = invite.email) WHERE status = 'pending';
UPDATE mail SET secret = body, body = chr(26), secret_ends_at_us = created_at_us + 604800000000;
UPDATE mail SET secret_ends_at_us = 0 WHERE id NOT IN (SELECT mail_id FROM invite WHERE mail_id IS NOT NULL);

-- What a letter's token does for a person. A token works once: its row goes with its use.
CREATE TABLE letter_token (
    hash          BYTEA    NOT NULL PRIMARY KEY,     -- SHA-256 of the token
    person_id     TEXT COLLATE "C"    NOT NULL REFERENCES person (id),
    purpose       TEXT COLLATE "C"    NOT NULL,                 -- verify_email | reset_password
    mail_id       TEXT COLLATE "C"    NOT NULL,                 -- its letter
    created_at_us BIGINT NOT NULL,
    expires_at_us BIGINT NOT NULL
);

CREATE INDEX letter_token_person ON letter_token (person_id, purpose);
CREATE INDEX letter_token_age ON letter_token (expires_at_us);

-- Accounts that wait for the token of their letter.
CREATE TABLE pending_sign_up (
    hash          BYTEA    NOT NULL PRIMARY KEY,     -- SHA-256 of the token
    email         TEXT COLLATE "C"    NOT NULL,                 -- lower case
    name          TEXT COLLATE "C"    NOT NULL,
    password_hash TEXT COLLATE "C"    NOT NULL,
    mail_id       TEXT COLLATE "C"    NOT NULL,                 -- its letter
    created_at_us BIGINT NOT NULL,
    expires_at_us BIGINT NOT NULL
);

CREATE INDEX pending_sign_up_email ON pending_sign_up (email);
CREATE INDEX pending_sign_up_age ON pending_sign_up (expires_at_us);
