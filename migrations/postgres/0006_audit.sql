-- Who changed what, from where, and when. A row is written in the same transaction as the change that it tells of, and is
-- never touched again.
CREATE TABLE audit_event (
    organization_id TEXT COLLATE "C"    NOT NULL REFERENCES organization (id),
    number          BIGINT NOT NULL,               -- counts from 1 in each organization, without gaps
    at_us           BIGINT NOT NULL,
    actor_kind      TEXT COLLATE "C"    NOT NULL,               -- person | management_key | operator
    actor_id        TEXT COLLATE "C"    NOT NULL,               -- user_… or mkey_…
    action          TEXT COLLATE "C"    NOT NULL,
    subject_kind    TEXT COLLATE "C"    NOT NULL,
    subject_id      TEXT COLLATE "C"    NOT NULL,
    before_json     TEXT COLLATE "C",                           -- what was; NULL when there was nothing before
    after_json      TEXT COLLATE "C",                           -- what is; NULL when nothing is left
    address         TEXT COLLATE "C"    NOT NULL,               -- where from; may be empty
    user_agent      TEXT COLLATE "C"    NOT NULL,               -- with what; cut; may be empty
    PRIMARY KEY (organization_id, number)
);

CREATE INDEX audit_event_actor ON audit_event (organization_id, actor_id, number);
CREATE INDEX audit_event_subject ON audit_event (organization_id, subject_id, number);

CREATE TRIGGER audit_event_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('audit events');
