-- How organizations and accounts end.

-- An organization whose owner asked to delete it: nobody calls with its keys, and its owners can take that back until purge_at_us.
CREATE TABLE organization_deletion (
    organization_id  TEXT    NOT NULL PRIMARY KEY REFERENCES organization (id),
    asked_by         TEXT    NOT NULL,              -- user_…; empty once it is purged
    status_before    TEXT    NOT NULL,              -- what the organization goes back to
    asked_at_us      INTEGER NOT NULL,
    purge_at_us      INTEGER NOT NULL,
    claimed_until_us INTEGER NOT NULL,              -- a control process erases it until then; 0: none ever did
    purged_at_us     INTEGER                        -- NULL: not yet
) STRICT;

CREATE INDEX organization_deletion_due ON organization_deletion (purge_at_us) WHERE purged_at_us IS NULL;
CREATE INDEX organization_deletion_asked ON organization_deletion (asked_at_us, organization_id);

-- Nothing but an id is left of an account that was deleted: what it made refers to it.
ALTER TABLE person ADD COLUMN deleted_at_us INTEGER;

-- Lines of the audit log go with their organization, and only so.
DROP TRIGGER audit_event_is_kept;
CREATE TRIGGER audit_event_is_kept BEFORE DELETE ON audit_event
WHEN NOT EXISTS (SELECT 1 FROM organization o WHERE o.id = OLD.organization_id AND o.status = 'deleted')
BEGIN SELECT RAISE(ABORT, 'audit events go with their organization only'); END;
