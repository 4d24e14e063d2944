-- Money. Amounts are nano-USD. Transfers and postings are written once and never touched again (the triggers at the end
-- hold even against a hand at the console); balances, leases and running totals change in the same transaction.

-- A balance is what was credited minus what was debited; all balances add up to nothing.
CREATE TABLE ledger_account (
    id              TEXT    NOT NULL PRIMARY KEY,   -- credits:org_… leased:org_… system:revenue …
    organization_id TEXT,                           -- NULL for the system's own
    kind            TEXT    NOT NULL,
    balance         INTEGER NOT NULL
) STRICT;

INSERT INTO ledger_account (id, organization_id, kind, balance) VALUES
    ('system:revenue', NULL, 'revenue', 0),
    ('system:promo', NULL, 'promo', 0),
    ('system:stripe_clearing', NULL, 'stripe_clearing', 0),
    ('system:overshoot', NULL, 'overshoot', 0),
    ('system:crash_loss', NULL, 'crash_loss', 0),
    ('system:provider_cost', NULL, 'provider_cost', 0);

-- The id says what caused the transfer, so that a cause cannot be posted twice.
CREATE TABLE transfer (
    position        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id              TEXT    NOT NULL UNIQUE,
    debit           TEXT    NOT NULL REFERENCES ledger_account (id),
    credit          TEXT    NOT NULL REFERENCES ledger_account (id),
    amount          INTEGER NOT NULL CHECK (amount > 0),
    kind            TEXT    NOT NULL,               -- grant lease_grant lease_return usage overshoot crash_loss correction
    organization_id TEXT    NOT NULL,
    lease_id        TEXT,
    reason          TEXT    NOT NULL,               -- may be empty
    author          TEXT    NOT NULL,               -- may be empty
    at_us           INTEGER NOT NULL,
    CHECK (debit <> credit)
) STRICT;

CREATE INDEX transfer_organization ON transfer (organization_id, position);
CREATE INDEX transfer_lease ON transfer (lease_id, kind) WHERE lease_id IS NOT NULL;

-- Credit that one gateway holds. settled + returned never exceeds granted.
CREATE TABLE lease (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL REFERENCES organization (id),
    gateway         TEXT    NOT NULL,
    epoch           INTEGER NOT NULL,
    granted         INTEGER NOT NULL CHECK (granted > 0),
    settled         INTEGER NOT NULL CHECK (settled >= 0),
    returned        INTEGER NOT NULL CHECK (returned >= 0),
    state           TEXT    NOT NULL,               -- active | draining | closed
    created_at_us   INTEGER NOT NULL,
    updated_at_us   INTEGER NOT NULL,
    CHECK (settled + returned <= granted)
) STRICT;

CREATE INDEX lease_epoch ON lease (gateway, epoch);
CREATE INDEX lease_open ON lease (organization_id) WHERE state <> 'closed';

-- What one transaction of the ledger consumer posted for one tenant, lease and payer, out of one lane.
CREATE TABLE posting (
    id              TEXT    NOT NULL PRIMARY KEY,   -- gateway:epoch:lane:first_seq
    gateway         TEXT    NOT NULL,
    epoch           INTEGER NOT NULL,
    lane            INTEGER NOT NULL,
    first_seq       INTEGER NOT NULL,
    last_seq        INTEGER NOT NULL,
    organization_id TEXT    NOT NULL,
    project_id      TEXT    NOT NULL,
    lease_id        TEXT,
    used_mode       TEXT    NOT NULL,               -- credits | api-keys
    calls           INTEGER NOT NULL,
    settled         INTEGER NOT NULL,
    voided          INTEGER NOT NULL,
    orphaned        INTEGER NOT NULL,
    estimated       INTEGER NOT NULL,               -- calls whose usage we counted
    input           INTEGER NOT NULL,
    cached_input    INTEGER NOT NULL,
    cache_write_5m  INTEGER NOT NULL,
    cache_write_1h  INTEGER NOT NULL,
    audio_input     INTEGER NOT NULL,
    output          INTEGER NOT NULL,
    reasoning       INTEGER NOT NULL,
    audio_output    INTEGER NOT NULL,
    image_output    INTEGER NOT NULL,
    searches        INTEGER NOT NULL,
    cost            INTEGER NOT NULL,
    charged         INTEGER NOT NULL,
    overshoot       INTEGER NOT NULL,               -- part of charged that no lease covered
    hold            INTEGER NOT NULL,               -- what the calls had reserved at their ends
    at_us           INTEGER NOT NULL
) STRICT;

CREATE INDEX posting_organization ON posting (organization_id, at_us);

-- The sums of postings, so that totals need not read them all. `ledger_prove` compares the two.
CREATE TABLE posting_total (
    organization_id TEXT    NOT NULL,
    gateway         TEXT    NOT NULL,
    epoch           INTEGER NOT NULL,
    calls           INTEGER NOT NULL,
    settled         INTEGER NOT NULL,
    voided          INTEGER NOT NULL,
    orphaned        INTEGER NOT NULL,
    estimated       INTEGER NOT NULL,
    input           INTEGER NOT NULL,
    cached_input    INTEGER NOT NULL,
    cache_write_5m  INTEGER NOT NULL,
    cache_write_1h  INTEGER NOT NULL,
    audio_input     INTEGER NOT NULL,
    output          INTEGER NOT NULL,
    reasoning       INTEGER NOT NULL,
    audio_output    INTEGER NOT NULL,
    image_output    INTEGER NOT NULL,
    searches        INTEGER NOT NULL,
    cost            INTEGER NOT NULL,
    charged         INTEGER NOT NULL,
    overshoot       INTEGER NOT NULL,
    PRIMARY KEY (organization_id, gateway, epoch)
) STRICT;

CREATE INDEX posting_total_epoch ON posting_total (gateway, epoch);

-- The last sequence number posted of each lane.
CREATE TABLE source_watermark (
    gateway TEXT    NOT NULL,
    epoch   INTEGER NOT NULL,
    lane    INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    PRIMARY KEY (gateway, epoch, lane)
) STRICT;

-- Where the ledger consumer stands in each gateway's log.
CREATE TABLE consumer_offset (
    gateway     TEXT    NOT NULL PRIMARY KEY,
    epoch       INTEGER NOT NULL,
    segment     INTEGER NOT NULL,
    byte_offset INTEGER NOT NULL,
    at_us       INTEGER NOT NULL
) STRICT;

-- What a gateway counted itself, from its last record of an epoch.
CREATE TABLE epoch (
    gateway       TEXT    NOT NULL,
    epoch         INTEGER NOT NULL,
    events        INTEGER NOT NULL,
    input_tokens  INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost          INTEGER NOT NULL,
    charged       INTEGER NOT NULL,
    recovered     INTEGER NOT NULL,                 -- 1: closed by the next start, not by a clean stop
    recorded_at_us INTEGER NOT NULL,
    PRIMARY KEY (gateway, epoch)
) STRICT;

-- Only lanes that had events.
CREATE TABLE epoch_lane (
    gateway  TEXT    NOT NULL,
    epoch    INTEGER NOT NULL,
    lane     INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    PRIMARY KEY (gateway, epoch, lane),
    FOREIGN KEY (gateway, epoch) REFERENCES epoch (gateway, epoch)
) STRICT;

-- What providers produced and nobody pays: carried by us, one row per call.
CREATE TABLE crash_loss (
    request_id      TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL,
    amount          INTEGER NOT NULL CHECK (amount >= 0),
    input_tokens    INTEGER NOT NULL,
    output_tokens   INTEGER NOT NULL,
    at_us           INTEGER NOT NULL
) STRICT;

CREATE INDEX crash_loss_organization ON crash_loss (organization_id);

CREATE TRIGGER transfer_no_update BEFORE UPDATE ON transfer BEGIN SELECT RAISE(ABORT, 'transfers are insert-only'); END;
CREATE TRIGGER transfer_no_delete BEFORE DELETE ON transfer BEGIN SELECT RAISE(ABORT, 'transfers are insert-only'); END;
CREATE TRIGGER posting_no_update BEFORE UPDATE ON posting BEGIN SELECT RAISE(ABORT, 'postings are insert-only'); END;
CREATE TRIGGER posting_no_delete BEFORE DELETE ON posting BEGIN SELECT RAISE(ABORT, 'postings are insert-only'); END;
CREATE TRIGGER crash_loss_no_update BEFORE UPDATE ON crash_loss BEGIN SELECT RAISE(ABORT, 'losses are insert-only'); END;
CREATE TRIGGER crash_loss_no_delete BEFORE DELETE ON crash_loss BEGIN SELECT RAISE(ABORT, 'losses are insert-only'); END;
