-- Sub-accounts: customers of an organization, each within one project. What its keys may do is held to its limits, too, and
-- what they cost is billed to it at a price of the organization's own.

CREATE TABLE sub_account (
    id                  TEXT COLLATE "C" NOT NULL PRIMARY KEY,   -- sub_…
    organization_id     TEXT COLLATE "C" NOT NULL REFERENCES organization (id),
    project_id          TEXT COLLATE "C" NOT NULL REFERENCES project (id),
    external_id         TEXT COLLATE "C" NOT NULL,               -- what the organization calls it; never given to another one
    name                TEXT COLLATE "C" NOT NULL,
    status              TEXT COLLATE "C" NOT NULL,               -- active | suspended | closed
    rpm                 BIGINT,                        -- requests a minute of all its keys; NULL: no limit, as in the next two
    tpm                 BIGINT,                        -- tokens a minute
    concurrency         BIGINT,                        -- calls at once
    allowed_models      TEXT COLLATE "C",                           -- JSON array of model ids; NULL: all
    markup_basis_points BIGINT NOT NULL CHECK (markup_basis_points >= 0),  -- what its price adds to our cost
    metadata            TEXT COLLATE "C" NOT NULL,               -- JSON object of texts
    created_at_us       BIGINT NOT NULL,
    updated_at_us       BIGINT NOT NULL,
    UNIQUE (organization_id, external_id)
);

CREATE INDEX sub_account_organization ON sub_account (organization_id, id);
CREATE INDEX sub_account_project ON sub_account (organization_id, project_id, id);

ALTER TABLE api_key ADD COLUMN sub_account_id TEXT COLLATE "C" REFERENCES sub_account (id);
ALTER TABLE api_key ADD COLUMN acts_for_sub_accounts BIGINT NOT NULL DEFAULT 0;  -- 1: a call may name a sub-account of its project

CREATE INDEX api_key_sub_account ON api_key (organization_id, sub_account_id, id) WHERE sub_account_id IS NOT NULL;
