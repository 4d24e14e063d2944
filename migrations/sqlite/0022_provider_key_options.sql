-- What belongs to a provider key beside the key: options of its provider, what it may be used for, what it may cost, how it does.

ALTER TABLE provider_key ADD COLUMN secret_kind TEXT NOT NULL DEFAULT 'key';  -- key | aws | service_account
ALTER TABLE provider_key ADD COLUMN region TEXT;                              -- NULL: none of its own
ALTER TABLE provider_key ADD COLUMN options TEXT;                             -- JSON, by kind of provider; NULL: none
ALTER TABLE provider_key ADD COLUMN allowed_models TEXT;                      -- JSON list of model ids; NULL: all
ALTER TABLE provider_key ADD COLUMN spend_cap INTEGER CHECK (spend_cap > 0);  -- nano-USD; NULL: none
ALTER TABLE provider_key ADD COLUMN spend_window TEXT;                        -- month | total; NULL without a cap
ALTER TABLE provider_key ADD COLUMN cooling_until_us INTEGER;                 -- NULL: it does not cool

-- The cost of the calls that a key paid, at the provider's prices; written with their postings.
CREATE TABLE provider_key_spend (
    organization_id TEXT    NOT NULL REFERENCES organization (id),
    provider_key_id TEXT    NOT NULL,               -- of a deleted key, too
    month           INTEGER NOT NULL,               -- 202611, of UTC
    calls           INTEGER NOT NULL,
    cost            INTEGER NOT NULL,               -- nano-USD
    PRIMARY KEY (organization_id, provider_key_id, month)
) STRICT;
