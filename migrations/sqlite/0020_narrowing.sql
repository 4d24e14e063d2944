-- What organizations and projects hold their keys' calls to, in the columns that keys have; and how a project ends and routes.

ALTER TABLE organization ADD COLUMN rpm INTEGER;            -- requests a minute of all keys together; null: no limit, as in the next two
ALTER TABLE organization ADD COLUMN tpm INTEGER;
ALTER TABLE organization ADD COLUMN concurrency INTEGER;
ALTER TABLE organization ADD COLUMN allowed_models TEXT;    -- JSON array of model ids; null: all
ALTER TABLE organization ADD COLUMN rules TEXT;             -- null: none

ALTER TABLE project ADD COLUMN status TEXT NOT NULL DEFAULT 'active';   -- active | archived
ALTER TABLE project ADD COLUMN routing TEXT NOT NULL DEFAULT 'smart';   -- smart | price
ALTER TABLE project ADD COLUMN rpm INTEGER;
ALTER TABLE project ADD COLUMN tpm INTEGER;
ALTER TABLE project ADD COLUMN concurrency INTEGER;
ALTER TABLE project ADD COLUMN allowed_models TEXT;
ALTER TABLE project ADD COLUMN rules TEXT;
