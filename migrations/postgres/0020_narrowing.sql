-- What organizations and projects hold their keys' calls to, in the columns that keys have; and how a project ends and routes.

ALTER TABLE organization ADD COLUMN rpm BIGINT;            -- requests a minute of all keys together; null: no limit, as in the next two
ALTER TABLE organization ADD COLUMN tpm BIGINT;
ALTER TABLE organization ADD COLUMN concurrency BIGINT;
ALTER TABLE organization ADD COLUMN allowed_models TEXT COLLATE "C";    -- JSON array of model ids; null: all
ALTER TABLE organization ADD COLUMN rules TEXT COLLATE "C";             -- null: none

ALTER TABLE project ADD COLUMN status TEXT COLLATE "C" NOT NULL DEFAULT 'active';   -- active | archived
ALTER TABLE project ADD COLUMN routing TEXT COLLATE "C" NOT NULL DEFAULT 'smart';   -- smart | price
ALTER TABLE project ADD COLUMN rpm BIGINT;
ALTER TABLE project ADD COLUMN tpm BIGINT;
ALTER TABLE project ADD COLUMN concurrency BIGINT;
ALTER TABLE project ADD COLUMN allowed_models TEXT COLLATE "C";
ALTER TABLE project ADD COLUMN rules TEXT COLLATE "C";
