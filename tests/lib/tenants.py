"""Further tenants. There is no command that makes one yet, so they are written into the store as copies of the first."""

import contextlib
import sqlite3
import uuid


def add(data, organization):
    """A second project of the organization, and a second organization with a project of its own; all keep answers.

    Their ids as (project, other organization, its project)."""
    with contextlib.closing(sqlite3.connect(data / "llmg.db", timeout=10)) as store, store:
        first = _row(store, "organization", "id", organization)
        member = _row(store, "member", "organization_id", organization)
        project = _row(store, "project", "organization_id", organization)
        project |= {"cache_enabled": 1, "cache_ttl_seconds": 60}
        other = _new("org")
        _insert(store, "organization", first | {"id": other, "name": "Other"})
        _insert(store, "member", member | {"organization_id": other})
        beside, theirs = _new("proj"), _new("proj")
        _insert(store, "project", project | {"id": beside, "name": f"Beside {beside}"})
        _insert(store, "project", project | {"id": theirs, "organization_id": other})
    return beside, other, theirs


def _new(prefix):
    return f"{prefix}_{uuid.uuid4().hex}"


def _row(store, table, column, value):
    rows = store.execute(f"SELECT * FROM {table} WHERE {column} = ?", (value,))
    names = [described[0] for described in rows.description]
    return dict(zip(names, rows.fetchone()))


def _insert(store, table, row):
    places = ", ".join("?" * len(row))
    store.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", tuple(row.values()))
