-- People come in through sign-in providers.

-- Who a provider says that a person is. A subject is only unique within its issuer.
CREATE TABLE identity (
    id              TEXT    NOT NULL PRIMARY KEY,
    person_id       TEXT    NOT NULL REFERENCES person (id),
    issuer          TEXT    NOT NULL,
    subject         TEXT    NOT NULL,
    email           TEXT    NOT NULL,               -- as the provider said it at last, for the person to recognise; may be empty
    created_at_us   INTEGER NOT NULL,
    last_used_at_us INTEGER NOT NULL,
    UNIQUE (issuer, subject),
    UNIQUE (person_id, issuer)
) STRICT;
