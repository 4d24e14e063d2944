-- Organizations' own keys at providers. Nothing here opens without the instance's master key, which is in no table.

-- What seals an organization's values; itself sealed under the master key.
CREATE TABLE data_key (
    organization_id TEXT COLLATE "C"    NOT NULL REFERENCES organization (id),
    version         BIGINT NOT NULL CHECK (version > 0),
    sealed          BYTEA    NOT NULL,
    created_at_us   BIGINT NOT NULL,
    PRIMARY KEY (organization_id, version)
);

CREATE TABLE provider_key (
    id               TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    organization_id  TEXT COLLATE "C"    NOT NULL REFERENCES organization (id),
    provider         TEXT COLLATE "C"    NOT NULL,              -- id of the catalog
    name             TEXT COLLATE "C"    NOT NULL,
    priority         BIGINT NOT NULL CHECK (priority >= 0),  -- the lowest is used first
    weight           BIGINT NOT NULL CHECK (weight > 0),     -- share among those of the same priority
    base_url         TEXT COLLATE "C",                          -- NULL: the catalog's
    sealed           BYTEA    NOT NULL,              -- the key, under the data key of key_version
    key_version      BIGINT NOT NULL,
    prefix           TEXT COLLATE "C"    NOT NULL,              -- for display; may be empty
    last4            TEXT COLLATE "C"    NOT NULL,              -- for display; may be empty
    status           TEXT COLLATE "C"    NOT NULL,              -- active | disabled
    last_error       TEXT COLLATE "C",                          -- code of the last failed test or call; never a provider's own words
    last_error_at_us BIGINT,
    tested_at_us     BIGINT,                       -- when the provider last took it in a test
    last_used_at_us  BIGINT,
    created_by       TEXT COLLATE "C"    REFERENCES person (id),
    created_at_us    BIGINT NOT NULL,
    updated_at_us    BIGINT NOT NULL,
    UNIQUE (organization_id, provider, name),
    FOREIGN KEY (organization_id, key_version) REFERENCES data_key (organization_id, version)
);
