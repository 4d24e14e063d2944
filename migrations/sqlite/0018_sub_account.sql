-- Sub-accounts: customers of an organization, each within one project. What its keys may do is held to its limits, too, and
-- what they cost is billed to it at a price of the organization's own.

CREATE TABLE sub_account (
    id                  TEXT    NOT NULL PRIMARY KEY,   -- sub_…
    organization_id     TEXT    NOT NULL REFERENCES organization (id),
    project_id          TEXT    NOT NULL REFERENCES project (id),
    external_id         TEXT    NOT NULL,               -- what the organization calls it; never given to another one
    name                TEXT    NOT NULL,
    status              TEXT    NOT NULL,               -- active | suspended | closed
    rpm                 INTEGER,                        -- requests a minute of all its keys; NULL: no limit, as in the next two
    tpm                 INTEGER,                        -- tokens a minute
    concurrency         INTEGER,                        -- calls at once
    allowed_models      TEXT,                           -- JSON array of model ids; NULL: all
    markup_basis_points INTEGER NOT NULL CHECK (markup_basis_points >= 0),  -- what its price adds to our cost
    metadata            TEXT    NOT NULL,               -- JSON object of texts
    created_at_us       INTEGER NOT NULL,
    updated_at_us       INTEGER NOT NULL,
    UNIQUE (organization_id, external_id)
) STRICT;

CREATE INDEX sub_account_organization ON sub_account (organization_id, id);
CREATE INDEX sub_account_project ON sub_account (organization_id, project_id, id);

ALTER TABLE api_key ADD COLUMN sub_account_id TEXT REFERENCES sub_account (id);
ALTER TABLE api_key ADD COLUMN acts_for_sub_accounts INTEGER NOT NULL DEFAULT 0;  -- 1: a call may name a sub-account of its project

CREATE INDEX api_key_sub_account ON api_key (organization_id, sub_account_id, id) WHERE sub_account_id IS NOT NULL;
