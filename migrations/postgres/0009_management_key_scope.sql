-- What a management key may be used for, beside what its maker may do.
ALTER TABLE management_key ADD COLUMN scopes TEXT COLLATE "C";  -- JSON array such as ["api-keys:write"]; NULL: everything
