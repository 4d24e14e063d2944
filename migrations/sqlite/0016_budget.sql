-- Budgets: how much a scope may spend in each window. Amounts are in the budget's unit (nano-USD). What gateways lease of
-- a window's room, what calls spent of it, and which thresholds it passed change in the transactions that cause it.

CREATE TABLE budget (
    id              TEXT    NOT NULL PRIMARY KEY,   -- bud_…
    organization_id TEXT    NOT NULL REFERENCES organization (id),
    name            TEXT    NOT NULL,
    scope_kind      TEXT    NOT NULL,               -- organization | project | sub_account | member | api_key | ephemeral | tag | model | provider
    scope_value     TEXT    NOT NULL,               -- an id or a name; of the organization its own id
    unit            TEXT    NOT NULL,               -- nano_usd
    amount          INTEGER NOT NULL CHECK (amount >= 0),
    period          TEXT    NOT NULL,               -- hour | day | week | month | total
    time_zone       TEXT    NOT NULL,               -- IANA name; where days, weeks and months begin
    enforcement     TEXT    NOT NULL,               -- hard | soft
    counts          TEXT    NOT NULL,               -- cost | charged
    alerts          TEXT    NOT NULL,               -- JSON array of percents, rising
    status          TEXT    NOT NULL,               -- active | disabled | deleted; late events of deleted ones are posted, too
    created_at_us   INTEGER NOT NULL,
    updated_at_us   INTEGER NOT NULL
) STRICT;

CREATE INDEX budget_scope ON budget (organization_id, scope_kind, scope_value) WHERE status = 'active';
CREATE INDEX budget_organization ON budget (organization_id, id);

-- One window of one budget, from its first lease or call on. No grant makes spent + leased exceed the amount.
CREATE TABLE budget_window (
    budget_id       TEXT    NOT NULL REFERENCES budget (id),
    window_start_us INTEGER NOT NULL,               -- 0 for the only window of `total`
    window_end_us   INTEGER NOT NULL,               -- 0: it never ends
    organization_id TEXT    NOT NULL,
    spent           INTEGER NOT NULL CHECK (spent >= 0),
    leased          INTEGER NOT NULL CHECK (leased >= 0),
    overshoot       INTEGER NOT NULL CHECK (overshoot >= 0),  -- part of spent that the calls' leases did not cover
    calls           INTEGER NOT NULL,
    PRIMARY KEY (budget_id, window_start_us)
) STRICT;

-- Room of a window that one gateway holds. settled + returned never exceeds granted.
CREATE TABLE budget_lease (
    id              TEXT    NOT NULL PRIMARY KEY,
    budget_id       TEXT    NOT NULL,
    window_start_us INTEGER NOT NULL,
    organization_id TEXT    NOT NULL,
    gateway         TEXT    NOT NULL,
    epoch           INTEGER NOT NULL,
    granted         INTEGER NOT NULL CHECK (granted > 0),
    settled         INTEGER NOT NULL CHECK (settled >= 0),
    returned        INTEGER NOT NULL CHECK (returned >= 0),
    state           TEXT    NOT NULL,               -- active | draining | closed
    recalled        INTEGER NOT NULL,               -- 1: somebody needs what its gateway has free
    created_at_us   INTEGER NOT NULL,
    updated_at_us   INTEGER NOT NULL,
    CHECK (settled + returned <= granted),
    FOREIGN KEY (budget_id, window_start_us) REFERENCES budget_window (budget_id, window_start_us)
) STRICT;

CREATE INDEX budget_lease_epoch ON budget_lease (gateway, epoch) WHERE state <> 'closed';
CREATE INDEX budget_lease_window ON budget_lease (budget_id, window_start_us) WHERE state <> 'closed';

-- Each grant, extension and return of a lease, by the id of its cause, so that none counts twice.
CREATE TABLE budget_lease_move (
    id       TEXT    NOT NULL PRIMARY KEY,          -- grant:lease_… extend:lease_…:… return:lease_…:… close:lease_…
    lease_id TEXT    NOT NULL REFERENCES budget_lease (id),
    kind     TEXT    NOT NULL,                      -- grant | return
    amount   INTEGER NOT NULL CHECK (amount > 0),
    at_us    INTEGER NOT NULL
) STRICT;

CREATE INDEX budget_lease_move_lease ON budget_lease_move (lease_id);

-- What one transaction of the ledger consumer posted for one window and lease, out of one lane.
CREATE TABLE budget_posting (
    id              TEXT    NOT NULL PRIMARY KEY,   -- gateway:epoch:lane:first_seq:budget
    budget_id       TEXT    NOT NULL,
    window_start_us INTEGER NOT NULL,
    organization_id TEXT    NOT NULL,
    lease_id        TEXT,                           -- NULL: nothing was held
    calls           INTEGER NOT NULL,
    amount          INTEGER NOT NULL CHECK (amount >= 0),
    overshoot       INTEGER NOT NULL CHECK (overshoot >= 0),
    at_us           INTEGER NOT NULL
) STRICT;

CREATE INDEX budget_posting_window ON budget_posting (budget_id, window_start_us);

-- Outbox for webhooks: a window's spending reached a threshold. Once per budget, window and threshold.
CREATE TABLE budget_alert (
    position        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    organization_id TEXT    NOT NULL,
    budget_id       TEXT    NOT NULL REFERENCES budget (id),
    window_start_us INTEGER NOT NULL,
    window_end_us   INTEGER NOT NULL,               -- 0: it never ends
    threshold       INTEGER NOT NULL,               -- percent of the amount
    amount          INTEGER NOT NULL,               -- the budget's then
    spent           INTEGER NOT NULL,               -- of the window then
    at_us           INTEGER NOT NULL,
    UNIQUE (budget_id, window_start_us, threshold)
) STRICT;

CREATE INDEX budget_alert_organization ON budget_alert (organization_id, position);

CREATE TRIGGER budget_posting_no_update BEFORE UPDATE ON budget_posting BEGIN SELECT RAISE(ABORT, 'postings are insert-only'); END;
CREATE TRIGGER budget_posting_no_delete BEFORE DELETE ON budget_posting BEGIN SELECT RAISE(ABORT, 'postings are insert-only'); END;
