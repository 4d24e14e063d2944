"""An organization that its owner deletes: its streams end, its key is refused within a second of the answer, and what is taken
back opens again."""

import contextlib
import io
import json
import sqlite3
import tarfile
import time
import urllib.request

from lib import wire
from lib.instance import PASSWORD
from test_revocation import SECONDS, ended_by

DELETION = "/api/v1/organization/deletion"


class Owner:
    """The first person of the instance, with a browser's session, and a second organization, which an operator needs."""

    def __init__(self, there):
        self.url = there.url
        self.headers = {"origin": there.url}
        entered = self.ask("POST", "/api/v1/auth/log-in", {"email": "a@example.com", "password": PASSWORD})
        assert entered.status == 200, entered.text
        self.headers["cookie"] = entered.headers["set-cookie"].split(";")[0]
        assert self.ask("POST", "/api/v1/organizations", {"name": "Further"}).status == 201
        self.name = self.ask("GET", "/api/v1/organization").json["name"]

    def ask(self, method, path, body=None):
        return wire.call(method, self.url + path, body, self.headers)

    def delete(self):
        answer = self.ask("POST", DELETION, {"name": self.name, "password": PASSWORD})
        assert answer.status == 200, answer.text

    def keep(self):
        answer = self.ask("DELETE", DELETION)
        assert answer.status == 204, answer.text


def seconds_until(there, status):
    """How long it takes until calls are answered so."""
    began = time.monotonic()
    while (answer := there.chat()).status != status:
        assert time.monotonic() - began < SECONDS, answer.text
    return time.monotonic() - began


def test_a_deleted_organization_stops_and_what_is_taken_back_goes_on(llmg, sims):
    sim = sims("--gap-ms", "30")
    there = llmg(env=sim.env_for_llmg)
    owner = Owner(there)
    assert there.chat().status == 200
    received, _, seconds = ended_by(there, there.api_key, owner.delete)
    assert seconds < SECONDS and b"being deleted" in received and b"[DONE]" not in received
    refused = there.chat()
    assert (refused.status, refused.error["code"]) == (403, "permission_denied"), refused.text
    owner.keep()
    assert seconds_until(there, 200) < 1
    owner.delete()
    assert seconds_until(there, 403) < 1
    owner.keep()
    assert seconds_until(there, 200) < 1
    there.reconcile()


def test_an_erasure_leaves_the_books_and_no_name(llmg, sim):
    there = llmg(env=sim.env_for_llmg)
    owner = Owner(there)
    assert there.chat("Hello", user="canary-of-a-user").status == 200
    there.reconcile()
    owner.delete()
    # The time of grace is over.
    with contextlib.closing(sqlite3.connect(there.data / "llmg.db", timeout=10)) as store, store:
        store.execute("UPDATE organization_deletion SET purge_at_us = 0")
    # A process looks for what is due when it starts.
    there.stop()
    there.start()

    def purged():
        with contextlib.closing(sqlite3.connect(there.data / "llmg.db", timeout=10)) as store:
            return store.execute("SELECT purged_at_us FROM organization_deletion").fetchone()[0]

    began = time.monotonic()
    while not purged():
        assert time.monotonic() - began < 10
        time.sleep(0.05)
    answer = there.chat()
    assert (answer.status, answer.error["code"]) == (401, "invalid_api_key"), answer.text
    there.reconcile()
    for name in ("llmg.db", "llmg.db-wal", "analytics.db", "analytics.db-wal"):
        file = there.data / name
        assert not file.exists() or b"canary-of-a-user" not in file.read_bytes(), name


def test_an_export_is_an_archive_that_tar_reads(llmg, sim):
    there = llmg(env=sim.env_for_llmg)
    assert there.chat().status == 200
    there.reconcile()
    request = urllib.request.Request(there.url + "/api/v1/export", headers={"authorization": f"Bearer {there.management_key}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        archive = tarfile.open(fileobj=io.BytesIO(answer.read()), mode="r:gz")
    names = archive.getnames()
    assert "calls/00001.jsonl" in names and "audit/00001.jsonl" in names, names
    [call] = [json.loads(line) for line in archive.extractfile("calls/00001.jsonl")]
    assert call["model"] == "sim" and there.api_key not in json.dumps(call)
