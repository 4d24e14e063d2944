-- What lists go through: each page is found by an index, however many rows the organization has.

CREATE INDEX project_made ON project (organization_id, created_at_us, id);
CREATE INDEX member_joined ON member (organization_id, created_at_us, person_id);
CREATE INDEX api_key_of_project ON api_key (organization_id, project_id, id);
CREATE INDEX audit_event_action ON audit_event (organization_id, action, number);
CREATE INDEX audit_event_kind ON audit_event (organization_id, subject_kind, number);
