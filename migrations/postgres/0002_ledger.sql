-- Money. Amounts are nano-USD. Transfers and postings are written once and never touched again (the triggers at the end
-- hold even against a hand at the console); balances, leases and running totals change in the same transaction.

-- A balance is what was credited minus what was debited; all balances add up to nothing.
CREATE TABLE ledger_account (
    id              TEXT COLLATE "C"    NOT NULL PRIMARY KEY,   -- credits:org_… leased:org_… system:revenue …
    organization_id TEXT COLLATE "C",                           -- NULL for the system's own
    kind            TEXT COLLATE "C"    NOT NULL,
    balance         BIGINT NOT NULL
);

INSERT INTO ledger_account (id, organization_id, kind, balance) VALUES
    ('system:revenue', NULL, 'revenue', 0),
    ('system:promo', NULL, 'promo', 0),
    ('system:stripe_clearing', NULL, 'stripe_clearing', 0),
    ('system:overshoot', NULL, 'overshoot', 0),
    ('system:crash_loss', NULL, 'crash_loss', 0),
    ('system:provider_cost', NULL, 'provider_cost', 0);

-- The id says what caused the transfer, so that a cause cannot be posted twice.
CREATE TABLE transfer (
    position        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              TEXT COLLATE "C"    NOT NULL UNIQUE,
    debit           TEXT COLLATE "C"    NOT NULL REFERENCES ledger_account (id),
    credit          TEXT COLLATE "C"    NOT NULL REFERENCES ledger_account (id),
    amount          BIGINT NOT NULL CHECK (amount > 0),
    kind            TEXT COLLATE "C"    NOT NULL,               -- grant lease_grant lease_return usage overshoot crash_loss correction
    organization_id TEXT COLLATE "C"    NOT NULL,
    lease_id        TEXT COLLATE "C",
    reason          TEXT COLLATE "C"    NOT NULL,               -- may be empty
    author          TEXT COLLATE "C"    NOT NULL,               -- may be empty
    at_us           BIGINT NOT NULL,
    CHECK (debit <> credit)
);

CREATE INDEX transfer_organization ON transfer (organization_id, position);
CREATE INDEX transfer_lease ON transfer (lease_id, kind) WHERE lease_id IS NOT NULL;

-- Credit that one gateway holds. settled + returned never exceeds granted.
CREATE TABLE lease (
    id              TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    organization_id TEXT COLLATE "C"    NOT NULL REFERENCES organization (id),
    gateway         TEXT COLLATE "C"    NOT NULL,
    epoch           BIGINT NOT NULL,
    granted         BIGINT NOT NULL CHECK (granted > 0),
    settled         BIGINT NOT NULL CHECK (settled >= 0),
    returned        BIGINT NOT NULL CHECK (returned >= 0),
    state           TEXT COLLATE "C"    NOT NULL,               -- active | draining | closed
    created_at_us   BIGINT NOT NULL,
    updated_at_us   BIGINT NOT NULL,
    CHECK (settled + returned <= granted)
);

CREATE INDEX lease_epoch ON lease (gateway, epoch);
CREATE INDEX lease_open ON lease (organization_id) WHERE state <> 'closed';

-- What one transaction of the ledger consumer posted for one tenant, lease and payer, out of one lane.
CREATE TABLE posting (
    id              TEXT COLLATE "C"    NOT NULL PRIMARY KEY,   -- gateway:epoch:lane:first_seq
    gateway         TEXT COLLATE "C"    NOT NULL,
    epoch           BIGINT NOT NULL,
    lane            BIGINT NOT NULL,
    first_seq       BIGINT NOT NULL,
    last_seq        BIGINT NOT NULL,
    organization_id TEXT COLLATE "C"    NOT NULL,
    project_id      TEXT COLLATE "C"    NOT NULL,
    lease_id        TEXT COLLATE "C",
    used_mode       TEXT COLLATE "C"    NOT NULL,               -- credits | api-keys
    calls           BIGINT NOT NULL,
    settled         BIGINT NOT NULL,
    voided          BIGINT NOT NULL,
    orphaned        BIGINT NOT NULL,
    estimated       BIGINT NOT NULL,               -- calls whose usage we counted
    input           BIGINT NOT NULL,
    cached_input    BIGINT NOT NULL,
    cache_write_5m  BIGINT NOT NULL,
    cache_write_1h  BIGINT NOT NULL,
    audio_input     BIGINT NOT NULL,
    output          BIGINT NOT NULL,
    reasoning       BIGINT NOT NULL,
    audio_output    BIGINT NOT NULL,
    image_output    BIGINT NOT NULL,
    searches        BIGINT NOT NULL,
    cost            BIGINT NOT NULL,
    charged         BIGINT NOT NULL,
    overshoot       BIGINT NOT NULL,               -- part of charged that no lease covered
    hold            BIGINT NOT NULL,               -- what the calls had reserved at their ends
    at_us           BIGINT NOT NULL
);

CREATE INDEX posting_organization ON posting (organization_id, at_us);

-- The sums of postings, so that totals need not read them all. `ledger_prove` compares the two.
CREATE TABLE posting_total (
    organization_id TEXT COLLATE "C"    NOT NULL,
    gateway         TEXT COLLATE "C"    NOT NULL,
    epoch           BIGINT NOT NULL,
    calls           BIGINT NOT NULL,
    settled         BIGINT NOT NULL,
    voided          BIGINT NOT NULL,
    orphaned        BIGINT NOT NULL,
    estimated       BIGINT NOT NULL,
    input           BIGINT NOT NULL,
    cached_input    BIGINT NOT NULL,
    cache_write_5m  BIGINT NOT NULL,
    cache_write_1h  BIGINT NOT NULL,
    audio_input     BIGINT NOT NULL,
    output          BIGINT NOT NULL,
    reasoning       BIGINT NOT NULL,
    audio_output    BIGINT NOT NULL,
    image_output    BIGINT NOT NULL,
    searches        BIGINT NOT NULL,
    cost            BIGINT NOT NULL,
    charged         BIGINT NOT NULL,
    overshoot       BIGINT NOT NULL,
    PRIMARY KEY (organization_id, gateway, epoch)
);

CREATE INDEX posting_total_epoch ON posting_total (gateway, epoch);

-- The last sequence number posted of each lane.
CREATE TABLE source_watermark (
    gateway TEXT COLLATE "C"    NOT NULL,
    epoch   BIGINT NOT NULL,
    lane    BIGINT NOT NULL,
    seq     BIGINT NOT NULL,
    PRIMARY KEY (gateway, epoch, lane)
);

-- Where the ledger consumer stands in each gateway's log.
CREATE TABLE consumer_offset (
    gateway     TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    epoch       BIGINT NOT NULL,
    segment     BIGINT NOT NULL,
    byte_offset BIGINT NOT NULL,
    at_us       BIGINT NOT NULL
);

-- What a gateway counted itself, from its last record of an epoch.
CREATE TABLE epoch (
    gateway       TEXT COLLATE "C"    NOT NULL,
    epoch         BIGINT NOT NULL,
    events        BIGINT NOT NULL,
    input_tokens  BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cost          BIGINT NOT NULL,
    charged       BIGINT NOT NULL,
    recovered     BIGINT NOT NULL,                 -- 1: closed by the next start, not by a clean stop
    recorded_at_us BIGINT NOT NULL,
    PRIMARY KEY (gateway, epoch)
);

-- Only lanes that had events.
CREATE TABLE epoch_lane (
    gateway  TEXT COLLATE "C"    NOT NULL,
    epoch    BIGINT NOT NULL,
    lane     BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    PRIMARY KEY (gateway, epoch, lane),
    FOREIGN KEY (gateway, epoch) REFERENCES epoch (gateway, epoch)
);

-- What providers produced and nobody pays: carried by us, one row per call.
CREATE TABLE crash_loss (
    request_id      TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    organization_id TEXT COLLATE "C"    NOT NULL,
    amount          BIGINT NOT NULL CHECK (amount >= 0),
    input_tokens    BIGINT NOT NULL,
    output_tokens   BIGINT NOT NULL,
    at_us           BIGINT NOT NULL
);

CREATE INDEX crash_loss_organization ON crash_loss (organization_id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% are insert-only', TG_ARGV[0];
END
$$;

CREATE TRIGGER transfer_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transfer
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('transfers');
CREATE TRIGGER posting_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON posting
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('postings');
CREATE TRIGGER crash_loss_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON crash_loss
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('losses');
