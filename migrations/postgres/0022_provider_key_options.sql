-- What belongs to a provider key beside the key: options of its provider, what it may be used for, what it may cost, how it does.

ALTER TABLE provider_key ADD COLUMN secret_kind TEXT COLLATE "C" NOT NULL DEFAULT 'key';  -- key | aws | service_account
ALTER TABLE provider_key ADD COLUMN region TEXT COLLATE "C";                              -- NULL: none of its own
ALTER TABLE provider_key ADD COLUMN options TEXT COLLATE "C";                             -- JSON, by kind of provider; NULL: none
ALTER TABLE provider_key ADD COLUMN allowed_models TEXT COLLATE "C";                      -- JSON list of model ids; NULL: all
ALTER TABLE provider_key ADD COLUMN spend_cap BIGINT CHECK (spend_cap > 0);  -- nano-USD; NULL: none
ALTER TABLE provider_key ADD COLUMN spend_window TEXT COLLATE "C";                        -- month | total; NULL without a cap
ALTER TABLE provider_key ADD COLUMN cooling_until_us BIGINT;                 -- NULL: it does not cool

-- The cost of the calls that a key paid, at the provider's prices; written with their postings.
CREATE TABLE provider_key_spend (
    organization_id TEXT COLLATE "C"    NOT NULL REFERENCES organization (id),
    provider_key_id TEXT COLLATE "C"    NOT NULL,               -- of a deleted key, too
    month           BIGINT NOT NULL,               -- 202611, of UTC
    calls           BIGINT NOT NULL,
    cost            BIGINT NOT NULL,               -- nano-USD
    PRIMARY KEY (organization_id, provider_key_id, month)
);
