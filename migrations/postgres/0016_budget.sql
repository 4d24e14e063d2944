-- Budgets: how much a scope may spend in each window. Amounts are in the budget's unit (nano-USD). What gateways lease of
-- a window's room, what calls spent of it, and which thresholds it passed change in the transactions that cause it.

CREATE TABLE budget (
    id              TEXT COLLATE "C"    NOT NULL PRIMARY KEY,   -- bud_…
    organization_id TEXT COLLATE "C"    NOT NULL REFERENCES organization (id),
    name            TEXT COLLATE "C"    NOT NULL,
    scope_kind      TEXT COLLATE "C"    NOT NULL,               -- organization | project | sub_account | member | api_key | ephemeral | tag | model | provider
    scope_value     TEXT COLLATE "C"    NOT NULL,               -- an id or a name; of the organization its own id
    unit            TEXT COLLATE "C"    NOT NULL,               -- nano_usd
    amount          BIGINT NOT NULL CHECK (amount >= 0),
    period          TEXT COLLATE "C"    NOT NULL,               -- hour | day | week | month | total
    time_zone       TEXT COLLATE "C"    NOT NULL,               -- IANA name; where days, weeks and months begin
    enforcement     TEXT COLLATE "C"    NOT NULL,               -- hard | soft
    counts          TEXT COLLATE "C"    NOT NULL,               -- cost | charged
    alerts          TEXT COLLATE "C"    NOT NULL,               -- JSON array of percents, rising
    status          TEXT COLLATE "C"    NOT NULL,               -- active | disabled | deleted; late events of deleted ones are posted, too
    created_at_us   BIGINT NOT NULL,
    updated_at_us   BIGINT NOT NULL
);

CREATE INDEX budget_scope ON budget (organization_id, scope_kind, scope_value) WHERE status = 'active';
CREATE INDEX budget_organization ON budget (organization_id, id);

-- One window of one budget, from its first lease or call on. No grant makes spent + leased exceed the amount.
CREATE TABLE budget_window (
    budget_id       TEXT COLLATE "C"    NOT NULL REFERENCES budget (id),
    window_start_us BIGINT NOT NULL,               -- 0 for the only window of `total`
    window_end_us   BIGINT NOT NULL,               -- 0: it never ends
    organization_id TEXT COLLATE "C"    NOT NULL,
    spent           BIGINT NOT NULL CHECK (spent >= 0),
    leased          BIGINT NOT NULL CHECK (leased >= 0),
    overshoot       BIGINT NOT NULL CHECK (overshoot >= 0),  -- part of spent that the calls' leases did not cover
    calls           BIGINT NOT NULL,
    PRIMARY KEY (budget_id, window_start_us)
);

-- Room of a window that one gateway holds. settled + returned never exceeds granted.
CREATE TABLE budget_lease (
    id              TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    budget_id       TEXT COLLATE "C"    NOT NULL,
    window_start_us BIGINT NOT NULL,
    organization_id TEXT COLLATE "C"    NOT NULL,
    gateway         TEXT COLLATE "C"    NOT NULL,
    epoch           BIGINT NOT NULL,
    granted         BIGINT NOT NULL CHECK (granted > 0),
    settled         BIGINT NOT NULL CHECK (settled >= 0),
    returned        BIGINT NOT NULL CHECK (returned >= 0),
    state           TEXT COLLATE "C"    NOT NULL,               -- active | draining | closed
    recalled        BIGINT NOT NULL,               -- 1: somebody needs what its gateway has free
    created_at_us   BIGINT NOT NULL,
    updated_at_us   BIGINT NOT NULL,
    CHECK (settled + returned <= granted),
    FOREIGN KEY (budget_id, window_start_us) REFERENCES budget_window (budget_id, window_start_us)
);

CREATE INDEX budget_lease_epoch ON budget_lease (gateway, epoch) WHERE state <> 'closed';
CREATE INDEX budget_lease_window ON budget_lease (budget_id, window_start_us) WHERE state <> 'closed';

-- Each grant, extension and return of a lease, by the id of its cause, so that none counts twice.
CREATE TABLE budget_lease_move (
    id       TEXT COLLATE "C"    NOT NULL PRIMARY KEY,          -- grant:lease_… extend:lease_…:… return:lease_…:… close:lease_…
    lease_id TEXT COLLATE "C"    NOT NULL REFERENCES budget_lease (id),
    kind     TEXT COLLATE "C"    NOT NULL,                      -- grant | return
    amount   BIGINT NOT NULL CHECK (amount > 0),
    at_us    BIGINT NOT NULL
);

CREATE INDEX budget_lease_move_lease ON budget_lease_move (lease_id);

-- What one transaction of the ledger consumer posted for one window and lease, out of one lane.
CREATE TABLE budget_posting (
    id              TEXT COLLATE "C"    NOT NULL PRIMARY KEY,   -- gateway:epoch:lane:first_seq:budget
    budget_id       TEXT COLLATE "C"    NOT NULL,
    window_start_us BIGINT NOT NULL,
    organization_id TEXT COLLATE "C"    NOT NULL,
    lease_id        TEXT COLLATE "C",                           -- NULL: nothing was held
    calls           BIGINT NOT NULL,
    amount          BIGINT NOT NULL CHECK (amount >= 0),
    overshoot       BIGINT NOT NULL CHECK (overshoot >= 0),
    at_us           BIGINT NOT NULL
);

CREATE INDEX budget_posting_window ON budget_posting (budget_id, window_start_us);

-- Outbox for webhooks: a window's spending reached a threshold. Once per budget, window and threshold.
CREATE TABLE budget_alert (
    position        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id TEXT COLLATE "C"    NOT NULL,
    budget_id       TEXT COLLATE "C"    NOT NULL REFERENCES budget (id),
    window_start_us BIGINT NOT NULL,
    window_end_us   BIGINT NOT NULL,               -- 0: it never ends
    threshold       BIGINT NOT NULL,               -- percent of the amount
    amount          BIGINT NOT NULL,               -- the budget's then
    spent           BIGINT NOT NULL,               -- of the window then
    at_us           BIGINT NOT NULL,
    UNIQUE (budget_id, window_start_us, threshold)
);

CREATE INDEX budget_alert_organization ON budget_alert (organization_id, position);

CREATE TRIGGER budget_posting_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON budget_posting
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('postings');
