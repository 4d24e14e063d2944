-- Who changed what, from where, and when. A row is written in the same transaction as the change that it tells of, and is
-- never touched again.
CREATE TABLE audit_event (
    organization_id TEXT    NOT NULL REFERENCES organization (id),
    number          INTEGER NOT NULL,               -- counts from 1 in each organization, without gaps
    at_us           INTEGER NOT NULL,
    actor_kind      TEXT    NOT NULL,               -- person | management_key | operator
    actor_id        TEXT    NOT NULL,               -- user_… or mkey_…
    action          TEXT    NOT NULL,
    subject_kind    TEXT    NOT NULL,
    subject_id      TEXT    NOT NULL,
    before_json     TEXT,                           -- what was; NULL when there was nothing before
    after_json      TEXT,                           -- what is; NULL when nothing is left
    address         TEXT    NOT NULL,               -- where from; may be empty
    user_agent      TEXT    NOT NULL,               -- with what; cut; may be empty
    PRIMARY KEY (organization_id, number)
) STRICT;

CREATE INDEX audit_event_actor ON audit_event (organization_id, actor_id, number);
CREATE INDEX audit_event_subject ON audit_event (organization_id, subject_id, number);

CREATE TRIGGER audit_event_is_kept BEFORE DELETE ON audit_event
BEGIN SELECT RAISE(ABORT, 'audit events are never deleted'); END;

CREATE TRIGGER audit_event_is_final BEFORE UPDATE ON audit_event
BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END;
