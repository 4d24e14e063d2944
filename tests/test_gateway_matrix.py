"""Who may do what at `/v1`, cell by cell: each route of the gateway × each kind of caller × each kind of id.

The routes are `crates/gateway/routes.txt`, which a unit test holds equal to the gateway's table; one without a line here fails."""

import contextlib
import json
import pathlib
import secrets
import sqlite3

import pytest

from lib import tenants, wire
from lib.instance import PASSWORD
from lib.process import eventually

ROUTES = pathlib.Path(__file__).resolve().parents[1] / "crates" / "gateway" / "routes.txt"


def chat(model):
    return {"model": model, "messages": [{"role": "user", "content": "Hello"}]}


def messages(model):
    return {**chat(model), "max_tokens": 20}


def contents(model):
    return {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}


#: What is sent, and whether somebody without a key is let in.
LINES = {
    "POST /v1/chat/completions": (chat, False),
    "POST /v1/messages": (messages, False),
    "POST /v1beta/models/{model}:generateContent": (contents, False),
    "POST /v1beta/models/{model}:streamGenerateContent": (contents, False),
    "POST /v1/models/{model}:generateContent": (contents, False),
    "POST /v1/models/{model}:streamGenerateContent": (contents, False),
    "GET /v1/models": (None, True),
    "GET /v1/models/{model}": (None, True),
}

#: Callers that are let in, by who they are; the others with status and code of their refusal.
LET_IN = ["own", "beside", "theirs"]
STRANGERS = ["anonymous", "session"]
REFUSED = {
    "malformed": (401, "malformed_api_key"),
    "mistyped": (401, "malformed_api_key"),
    "unknown": (401, "invalid_api_key"),
    "management": (401, "invalid_api_key"),
    "revoked": (401, "revoked_api_key"),
    "expired": (401, "expired_api_key"),
    "suspended": (403, "permission_denied"),
    "deleting": (403, "permission_denied"),
    "elsewhere": (403, "permission_denied"),
}


class Cast:
    """An instance with every kind of caller: their headers, and the organization and project that their calls are of."""

    def __init__(self, there):
        self.there = there
        self.beside, self.other, self.theirs = tenants.add(there.data, there.organization_id)
        entered = wire.call(
            "POST",
            there.url + "/api/v1/auth/log-in",
            {"email": "a@example.com", "password": PASSWORD},
            {"origin": there.url},
        )
        assert entered.status == 200, entered.text
        self.cookie = entered.headers["set-cookie"].split(";")[0]
        for organization in (there.organization_id, self.other):
            there.cli("credits", "grant", "--organization", organization, "--amount-usd", "1")
        self.owners = {"own": (there.organization_id, there.project_id)}
        self.owners |= {"beside": (there.organization_id, self.beside), "theirs": (self.other, self.theirs)}
        keys = {"own": there.api_key, "management": there.management_key, "malformed": ""}
        keys["mistyped"] = there.api_key[:-1] + ("a" if there.api_key[-1] != "a" else "b")
        # Keys that other products made have no checksum of ours.
        keys["unknown"] = "sk-" + secrets.token_hex(24)
        keys["beside"] = self.made(there.organization_id, self.beside)["api_key"]
        keys["theirs"] = self.made(self.other, self.theirs)["api_key"]
        revoked, rotated = self.made(there.organization_id), self.made(there.organization_id)
        there.api("DELETE", f"/api/v1/api-keys/{revoked['id']}")
        there.api("POST", f"/api/v1/api-keys/{rotated['id']}/rotate", {"grace_seconds": 0})
        keys |= {"revoked": revoked["api_key"], "expired": rotated["api_key"]}
        keys["elsewhere"] = there.new_key("--organization", there.organization_id, "--allow-ip", "203.0.113.0/24")["api_key"]
        for status in ("suspended", "deleting"):
            _, organization, project = tenants.add(there.data, there.organization_id)
            keys[status] = self.made(organization, project)["api_key"]
            with contextlib.closing(sqlite3.connect(there.data / "llmg.db", timeout=10)) as store, store:
                store.execute("UPDATE organization SET status = ? WHERE id = ?", (status, organization))
        self.headers = {name: {"authorization": f"Bearer {key}"} for name, key in keys.items()}
        self.headers |= {"anonymous": {}, "session": {"cookie": self.cookie}}

    def made(self, organization, project=None):
        place = ["--organization", organization, *(["--project", project] if project else [])]
        return self.there.new_key(*place)

    def listed(self, organization):
        """The newest calls of an organization, as (id, project)."""
        headers = {"cookie": self.cookie, "origin": self.there.url, "x-llmg-organization": organization}
        answer = wire.call("GET", self.there.url + "/api/v1/calls?limit=200", None, headers)
        assert answer.status == 200, answer.text
        return {row["id"]: row["project_id"] for row in answer.json["data"]}


@pytest.fixture(scope="module")
def cast(shared_with_sim):
    there, sim = shared_with_sim
    return Cast(there), sim


def code_of(answer):
    """In the dialects of OpenAI and Anthropic the error says it; in Gemini's a detail does."""
    error = answer.json["error"]
    error = error[0] if isinstance(error, list) else error
    if isinstance(error.get("code"), str):
        return error["code"]
    return next(detail["reason"] for detail in error["details"] if "reason" in detail).lower()


def wanted(route, caller, model):
    """Status and code; no code for what is answered."""
    method, path = route.split()
    _, is_open = LINES[route]
    if caller in REFUSED:
        return REFUSED[caller]
    if caller in STRANGERS and not is_open:
        return 401, "missing_api_key"
    names_none = path == "/v1/models"
    if names_none or model == "served":
        return 200, None
    if model == "unserved":
        return (200, None) if method == "GET" else (400, "provider_not_configured")
    return (404, "not_found") if method == "GET" else (400, "model_not_found")


def ids(cast):
    """What stands where a model's id belongs: ids of tenants name nothing here, whoever's they are."""
    gone = secrets.token_hex(16)
    return {
        "served": "sim",
        "unserved": "openai/gpt-4o",
        "own project": cast.there.project_id,
        "other project": cast.beside,
        "other organization": cast.other,
        "other organization's project": cast.theirs,
        "nobody's": f"proj_{gone}",
    }


def test_every_route_has_a_line():
    assert ROUTES.read_text().splitlines() == list(LINES)


def test_every_cell_of_route_caller_and_id(cast):
    cast, sim = cast
    there, cells, made = cast.there, 0, {}
    for route, (body, _) in LINES.items():
        method, path = route.split()
        for caller, headers in cast.headers.items():
            for kind, model in ids(cast).items():
                asked, before = path.replace("{model}", model), len(sim.journal())
                sent = None if body is None else body(model)
                answer = wire.call(method, there.url + asked, sent, headers)
                status, code = wanted(route, caller, kind)
                name = f"{route}, {caller}, {kind}: {answer.status} {answer.text[:500]}"
                assert answer.status == status, name
                if code:
                    assert code_of(answer) == code, name
                    assert len(sim.journal()) == before, f"refused, and it reached the provider: {name}"
                elif method == "POST":
                    assert len(sim.journal()) == before + 1, name
                    made[answer.headers["x-llmg-request-id"]] = cast.owners[caller]
                cells += 1
    print(f"gateway: {len(LINES)} routes x {len(cast.headers)} callers x {len(ids(cast))} ids = {cells} cells")
    assert sorted(cast.headers) == sorted([*LET_IN, *STRANGERS, *REFUSED])
    # Each call is its caller's, and nobody else's list shows it.
    for organization in (there.organization_id, cast.other):
        mine = {id: project for id, (owner, project) in made.items() if owner == organization}
        assert mine
        eventually(lambda: set(mine) <= set(cast.listed(organization)))
        listed = cast.listed(organization)
        assert {id: listed[id] for id in mine} == mine
        assert not set(listed) & (set(made) - set(mine)), "another organization's call is listed"


def test_ids_of_tenants_are_told_like_ids_of_nobody(cast):
    cast, _ = cast
    for route, (body, _) in LINES.items():
        method, path = route.split()
        if path == "/v1/models":
            continue
        answers = set()
        for kind, model in ids(cast).items():
            if kind in ("served", "unserved"):
                continue
            sent = None if body is None else body(model)
            answer = wire.call(method, cast.there.url + path.replace("{model}", model), sent, cast.headers["own"])
            plain = answer.text.replace(model, "MODEL").replace(answer.headers["x-llmg-request-id"], "REQUEST")
            answers.add((answer.status, json.dumps(plain)))
        assert len(answers) == 1, f"{route}: {answers}"
