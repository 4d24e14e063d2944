-- People come in through sign-in providers.

-- Who a provider says that a person is. A subject is only unique within its issuer.
CREATE TABLE identity (
    id              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    person_id       TEXT COLLATE "C" NOT NULL REFERENCES person (id),
    issuer          TEXT COLLATE "C" NOT NULL,
    subject         TEXT COLLATE "C" NOT NULL,
    email           TEXT COLLATE "C" NOT NULL,               -- as the provider said it at last, for the person to recognise; may be empty
    created_at_us   BIGINT NOT NULL,
    last_used_at_us BIGINT NOT NULL,
    UNIQUE (issuer, subject),
    UNIQUE (person_id, issuer)
);
