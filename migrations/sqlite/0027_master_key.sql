-- Which of the instance's master keys seals a data key. NULL: sealed before there could be several.

ALTER TABLE data_key ADD COLUMN master_key TEXT;

-- What is sealed under another key than the first is looked for by it.
CREATE INDEX data_key_master_key ON data_key (master_key, organization_id, version);
