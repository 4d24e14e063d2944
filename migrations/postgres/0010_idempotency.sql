-- What was answered to requests with an Idempotency-Key, so that sending them again changes nothing. Request and answer are
-- sealed for their row: a request may hold a password, and an answer a key that is shown once.
CREATE TABLE idempotency (
    organization_id TEXT COLLATE "C"    NOT NULL REFERENCES organization (id),
    caller          TEXT COLLATE "C"    NOT NULL,               -- user_… or mkey_…
    key_hash        BYTEA    NOT NULL,               -- SHA-256 of the Idempotency-Key
    key_version     BIGINT NOT NULL,
    request         BYTEA    NOT NULL,               -- hash of the request, sealed
    answer          BYTEA,                           -- status, type and body, sealed; NULL: not answered (yet)
    created_at_us   BIGINT NOT NULL,
    PRIMARY KEY (organization_id, caller, key_hash),
    FOREIGN KEY (organization_id, key_version) REFERENCES data_key (organization_id, version)
);

CREATE INDEX idempotency_age ON idempotency (organization_id, created_at_us);
