-- Members who see some projects only. A row in member_limited says that the member is limited, so that somebody whose last
-- project goes away sees nothing, and not everything.

CREATE TABLE member_limited (
    organization_id TEXT NOT NULL,
    person_id       TEXT NOT NULL,
    PRIMARY KEY (organization_id, person_id),
    FOREIGN KEY (organization_id, person_id) REFERENCES member (organization_id, person_id) ON DELETE CASCADE
) STRICT;

CREATE TABLE member_project (
    organization_id TEXT NOT NULL,
    person_id       TEXT NOT NULL,
    project_id      TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    PRIMARY KEY (organization_id, person_id, project_id),
    FOREIGN KEY (organization_id, person_id) REFERENCES member_limited (organization_id, person_id) ON DELETE CASCADE
) STRICT;
