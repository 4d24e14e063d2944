-- Organizations' own keys at providers. Nothing here opens without the instance's master key, which is in no table.

-- What seals an organization's values; itself sealed under the master key.
CREATE TABLE data_key (
    organization_id TEXT    NOT NULL REFERENCES organization (id),
    version         INTEGER NOT NULL CHECK (version > 0),
    sealed          BLOB    NOT NULL,
    created_at_us   INTEGER NOT NULL,
    PRIMARY KEY (organization_id, version)
) STRICT;

CREATE TABLE provider_key (
    id               TEXT    NOT NULL PRIMARY KEY,
    organization_id  TEXT    NOT NULL REFERENCES organization (id),
    provider         TEXT    NOT NULL,              -- id of the catalog
    name             TEXT    NOT NULL,
    priority         INTEGER NOT NULL CHECK (priority >= 0),  -- the lowest is used first
    weight           INTEGER NOT NULL CHECK (weight > 0),     -- share among those of the same priority
    base_url         TEXT,                          -- NULL: the catalog's
    sealed           BLOB    NOT NULL,              -- the key, under the data key of key_version
    key_version      INTEGER NOT NULL,
    prefix           TEXT    NOT NULL,              -- for display; may be empty
    last4            TEXT    NOT NULL,              -- for display; may be empty
    status           TEXT    NOT NULL,              -- active | disabled
    last_error       TEXT,                          -- code of the last failed test or call; never a provider's own words
    last_error_at_us INTEGER,
    tested_at_us     INTEGER,                       -- when the provider last took it in a test
    last_used_at_us  INTEGER,
    created_by       TEXT    REFERENCES person (id),
    created_at_us    INTEGER NOT NULL,
    updated_at_us    INTEGER NOT NULL,
    UNIQUE (organization_id, provider, name),
    FOREIGN KEY (organization_id, key_version) REFERENCES data_key (organization_id, version)
) STRICT;
