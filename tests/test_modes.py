"""A project's mode: platform keys, own keys, or both. Whose key is used, who pays, and what the caller is told."""

import asyncio
import contextlib
import http.server
import json
import sqlite3
import threading

import pytest

from lib import catalog, tenants, wire
from lib.process import eventually
from lib.sdk import HELLO

KEYS = "/api/v1/provider-keys"
OWN_KEY = "sk-own-0123456789-7f3a"
CANARY = "sk-canary-a8Zq41mWnE77tRk0PfLx"
#: What "Hello there" costs at the simulated provider.
COST = 2 * 1_000 + 24 * 2_000
MODES = ["credits", "api-keys", "hybrid"]


def set_mode(there, mode, project=None):
    there.api("PATCH", f"/api/v1/projects/{project or there.project_id}", {"mode": mode})


def add_key(there, url, provider="sim", key=OWN_KEY, **fields):
    path = "" if provider in ("sim-anthropic", "sim-gemini", "anthropic", "google-ai-studio") else "/v1"
    body = {"provider": provider, "name": f"key {fields}", "key": key, "base_url": url + path, **fields}
    return there.api("POST", KEYS, body)["id"]


def paid(there, answer):
    """Whose keys were tried, who paid in the end, and how much: (credentials, used_mode, cost, charged)."""
    row = there.call_of(answer)
    tried = [attempt["credential"] for attempt in row["attempts"]]
    return tried, row["used_mode"], row["cost_nano_usd"], row["charged_nano_usd"]


@pytest.fixture
def own(sims):
    """The provider as the organization's own key reaches it; `sim` is the same as the platform's key reaches it."""
    return sims()


@pytest.fixture
def world(llmg, sim, own):
    """`world(mode)`: an instance with a platform key and an own key."""

    def make(mode, usd=1, **fields):
        there = llmg(usd=usd, env=sim.env_for_llmg)
        there.own_key = add_key(there, own.url, **fields)
        set_mode(there, mode)
        return there

    return make


# Which keys are used. The provider is aimock, which is not ours.

OPENAI = "openai"


@pytest.mark.parametrize("keys", ["platform", "own", "both"])
@pytest.mark.parametrize("mode", MODES)
def test_each_mode_with_each_kind_of_key(llmg, aimock, mode, keys):
    env = {name: value for name, value in aimock.env_for_llmg.items() if "OPENAI" in name} if keys != "own" else {}
    there = llmg(usd=1, env=env)
    id = add_key(there, aimock.url, OPENAI) if keys != "platform" else None
    set_mode(there, mode)
    missing = (mode, keys) in {("credits", "own"), ("api-keys", "platform")}
    listed = {model["id"] for model in wire.call("GET", there.url + "/v1/models", headers=auth(there)).json["data"]}
    assert ("gpt-4o" in listed) is not missing
    for stream in (False, True):
        answer = there.chat(HELLO, model="gpt-4o", stream=stream)
        row = there.call_of(answer)
        assert row["mode"] == mode
        if missing:
            assert (answer.status, answer.error["code"]) == (400, "provider_not_configured")
            assert answer.error["param"] == "model" and "`openai`" in answer.error["message"]
            assert row["attempts"] == [] and row["used_mode"] == mode
            continue
        assert answer.status == 200 and answer.content.startswith("Hi there")
        by_own = mode != "credits" and keys != "platform"
        assert row["used_mode"] == ("api-keys" if by_own else "credits")
        assert [attempt["credential"] for attempt in row["attempts"]] == [id if by_own else "platform"]
        assert row["cost_nano_usd"] > 0
        assert row["charged_nano_usd"] == (0 if by_own else row["cost_nano_usd"])
        assert (row["lease_id"] is None, row["hold_nano_usd"] == 0) == (by_own, by_own)
    there.reconcile()


def auth(there, key=None):
    return {"authorization": f"Bearer {key or there.api_key}"}


def test_the_missing_own_key_is_named_with_what_to_do(llmg, sim):
    there = llmg(usd=1, env=sim.env_for_llmg)
    set_mode(there, "api-keys")
    message = there.chat().error["message"]
    assert "own provider keys" in message and "hybrid or credits" in message and "LLMG_PROVIDER" not in message
    assert sim.journal() == []


@pytest.mark.parametrize("dialect", ["sim", "sim-anthropic", "sim-gemini"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_without_credit_own_keys_still_call(llmg, sim, own, dialect, stream):
    there = llmg(usd=0, env=sim.env_for_llmg)
    id = add_key(there, own.url, dialect)
    set_mode(there, "api-keys")
    answer = there.chat(model=dialect, stream=stream, stream_options={"include_usage": True} if stream else None)
    assert answer.status == 200, answer.text
    assert answer.usage["cost_details"] == {"cost_nano_usd": COST, "charged_nano_usd": 0}
    assert paid(there, answer) == ([id], "api-keys", COST, 0)
    assert [row["key_last4"] for row in own.requests_of(answer)] == [OWN_KEY[-4:]] and sim.journal() == []
    assert there.chat(model=dialect, max_tokens=100_000).status == 200, "nothing is held, however much it may cost"
    there.reconcile()
    assert there.cli("credits", "show")["spent_nano_usd"] == 0


# Own keys that fail.


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("status", [401, 402, 403, 404, 429, 500, 503])
def test_hybrid_falls_over_to_credits(world, sim, own, status, stream):
    there = world("hybrid")
    own.defaults(fault=f"status:{status}")
    answer = there.chat(stream=stream)
    assert answer.status == 200 and answer.headers["x-llmg-attempts"] == "2"
    assert paid(there, answer) == ([there.own_key, "platform"], "credits", COST, COST)
    assert len(own.requests_of(answer)) == len(sim.requests_of(answer)) == 1
    there.reconcile()


def test_hybrid_falls_over_when_nobody_listens(world, own, sim):
    there = world("hybrid")
    own.stop()
    answer = there.chat()
    assert answer.status == 200
    assert paid(there, answer) == ([there.own_key, "platform"], "credits", COST, COST)


def test_what_is_wrong_with_the_call_is_not_sent_again(world, sim, own):
    there = world("hybrid")
    own.defaults(fault="status:400")
    answer = there.chat()
    assert answer.status == 400 and sim.journal() == []
    assert paid(there, answer) == ([there.own_key], "api-keys", 0, 0)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(
    ("status", "words"), [(401, "was refused"), (403, "was refused"), (402, "out of credit"), (429, "rate limit")]
)
def test_a_failing_own_key_is_told_as_the_callers_own(world, sim, own, status, words, stream):
    there = world("api-keys")
    own.defaults(fault=f"status:{status}", retry_after="7")
    answer = there.chat(stream=stream)
    assert answer.status == (503 if status == 429 else 502)
    assert answer.error["code"] == ("upstream_rate_limited" if status == 429 else "upstream_authentication")
    message = answer.error["message"]
    assert "own key" in message and there.own_key in message and words in message and "operator" not in message
    assert "[simulated]" in message, "the provider's words"
    assert (answer.error["provider"], answer.error["status"]) == ("sim", status)
    assert answer.headers.get("retry-after") == "7"
    assert paid(there, answer) == ([there.own_key], "api-keys", 0, 0)
    assert sim.journal() == []


def test_hybrid_without_credit_and_with_a_failing_own_key_is_402(world, sim, own):
    there = world("hybrid", usd=0)
    assert there.chat().status == 200, "the own key needs no credit"
    own.defaults(fault="status:401")
    answer = there.chat()
    assert (answer.status, answer.error["code"]) == (402, "insufficient_credits")
    assert answer.headers["x-should-retry"] == "false"
    assert "credits are spent" in answer.error["message"] and there.own_key in answer.error["message"]
    assert sim.journal() == []
    assert [attempt["status"] for attempt in there.call_of(answer)["attempts"]] == [401]
    # The key is left alone for a while, but not while there is nothing else.
    again = there.chat()
    assert again.status == 402 and len(there.call_of(again)["attempts"]) == 1
    own.defaults(fault="none")
    mended = there.chat()
    assert mended.status == 200 and paid(there, mended) == ([there.own_key], "api-keys", COST, 0)
    there.reconcile()


def test_a_key_that_failed_a_moment_ago_is_passed_over_and_nobody_elses_is(world, sim, own):
    there = world("hybrid")
    own.defaults(fault="status:401")
    assert paid(there, there.chat())[0] == [there.own_key, "platform"]
    assert paid(there, there.chat())[0] == ["platform"], "it cools"
    assert paid(there, there.chat(model="sim-anthropic"))[0] == ["platform"], "it is of another provider"
    own.defaults(fault="none")
    assert eventually(lambda: paid(there, there.chat())[0] == [there.own_key], 8, 0.3)


def test_without_fallback_the_own_key_is_all_there_is(world, sim, own):
    there = world("hybrid")
    own.defaults(fault="status:401")
    answer = there.chat(headers={"x-llmg-no-fallback": "true"})
    assert (answer.status, answer.error["code"]) == (502, "upstream_authentication") and sim.journal() == []


def test_a_hold_is_given_up_when_an_own_key_pays_after_all(world, sim, own):
    there = world("hybrid")
    own.defaults(fault="status:401")
    assert paid(there, there.chat())[0] == [there.own_key, "platform"]
    # It cools, so that credits come first now, and their provider fails.
    own.defaults(fault="none")
    sim.defaults(fault="status:500")
    answer = there.chat()
    assert answer.status == 200 and paid(there, answer) == (["platform", there.own_key], "api-keys", COST, 0)
    row = there.call_of(answer)
    assert (row["lease_id"], row["hold_nano_usd"]) == (None, 0)
    eventually(lambda: there.metric("llmg_gateway_open_holds") == 0)
    there.reconcile()


def test_several_keys_are_tried_by_priority(world, sims, sim, own):
    there = world("api-keys", priority=5)
    first = sims()
    before = add_key(there, first.url, priority=1)
    assert paid(there, there.chat())[0] == [before]
    first.defaults(fault="status:401")
    answer = there.chat()
    assert answer.status == 200 and paid(there, answer) == ([before, there.own_key], "api-keys", COST, 0)
    there.api("PATCH", f"{KEYS}/{there.own_key}", {"status": "disabled"})
    eventually(lambda: there.chat().status == 502, 1)
    assert sim.journal() == []


# What credits do not cover.


def test_a_parameter_without_a_price_runs_on_own_keys_only(world, sim, own):
    there = world("credits")
    fields = {"service_tier": "priority"}
    assert there.chat(**fields).error["code"] == "unsupported_parameter"
    set_mode(there, "hybrid")
    answer = eventually(lambda: (got := there.chat(**fields)).status == 200 and got, 1)
    assert paid(there, answer)[0] == [there.own_key]
    own.defaults(fault="status:401")
    answer = there.chat(**fields)
    assert (answer.status, answer.error["code"]) == (502, "upstream_authentication")
    assert sim.journal() == []


def test_an_unknown_price_is_no_obstacle_for_an_own_key(llmg, sim, own, tmp_path):
    unpriced = '[[models]]\nid = "unpriced"\nprovider = "sim"\nupstream = "sim"\n'
    env = {**sim.env_for_llmg, "LLMG_CATALOG_FILE": catalog.write(tmp_path / "catalog.toml", unpriced)}
    there = llmg(usd=1, env=env)
    id = add_key(there, own.url)
    assert there.chat(model="unpriced").error["code"] == "price_unknown"
    for mode in ("hybrid", "api-keys"):
        set_mode(there, mode)
        answer = eventually(lambda: (got := there.chat(model="unpriced")).status == 200 and got, 1)
        assert paid(there, answer) == ([id], "api-keys", 0, 0)
        assert there.call_of(answer)["price_version"] == 0
    assert there.chat(model="unpriced", stream=True).done
    there.reconcile()


# Tenants and changes.


def test_a_deleted_key_is_used_no_more(world, sim, own):
    there = world("api-keys")
    assert there.chat().status == 200
    there.api("DELETE", f"{KEYS}/{there.own_key}")
    answer = eventually(lambda: (got := there.chat()).status == 400 and got, 1)
    assert answer.error["code"] == "provider_not_configured"
    used = len(own.journal())
    assert there.chat().status == 400 and len(own.journal()) == used and sim.journal() == []
    models = wire.call("GET", there.url + "/v1/models", headers=auth(there)).json["data"]
    assert models == []
    back = add_key(there, own.url)
    answer = eventually(lambda: (got := there.chat()).status == 200 and got, 1)
    assert paid(there, answer)[0] == [back]


def test_a_key_that_does_not_open_is_our_fault(world, sim, own):
    there = world("api-keys")
    assert there.chat().status == 200
    there.stop()
    there.env["LLMG_MASTER_KEY"] = "ab" * 32
    there.start()
    answer = there.chat()
    assert (answer.status, answer.error["code"]) == (500, "internal_error") and there.chat().status == 500
    assert there.err.read_text().count("data key cannot be opened") == 1
    set_mode(there, "hybrid")
    answer = eventually(lambda: (got := there.chat()).status == 200 and got, 1)
    assert paid(there, answer) == (["platform"], "credits", COST, COST)


def test_another_organization_never_uses_it(llmg, sim, own):
    there = llmg(usd=1, env=sim.env_for_llmg, start=False)
    _, other, theirs = tenants.add(there.data, there.organization_id)
    key = there.new_key("--organization", other, "--project", theirs)["api_key"]
    there.cli("credits", "grant", "--organization", other, "--amount-usd", "1")
    there.start()
    id = add_key(there, own.url)
    set_mode(there, "hybrid")
    assert paid(there, there.chat())[0] == [id]
    used = len(own.journal())
    for mode, status in (("hybrid", 200), ("api-keys", 400), ("credits", 200)):
        foreign_mode(there, theirs, mode)
        eventually(lambda: uncached(there, key).status == status, 1)
        before = len(sim.journal())
        assert [uncached(there, key).status for _ in range(3)] == [status] * 3
        assert len(sim.journal()) == before + (3 if status == 200 else 0)
    assert len(own.journal()) == used, "another organization's call used the key"
    # Its failures are nobody else's.
    own.defaults(fault="status:401")
    assert there.chat().status == 200
    before = len(sim.journal())
    answer = uncached(there, key)
    assert answer.status == 200 and answer.headers["x-llmg-attempts"] == "1" and len(sim.journal()) == before + 1
    there.reconcile()


def uncached(there, key):
    return there.chat(key=key, headers={"x-llmg-cache": "off"})


def foreign_mode(there, project, mode):
    """Written into the store, with the change that gateways follow: the management key is of another organization."""
    with contextlib.closing(sqlite3.connect(there.data / "llmg.db", timeout=10)) as store, store:
        store.execute("UPDATE project SET mode = ? WHERE id = ?", (mode, project))
        store.execute(
            "INSERT INTO change (organization_id, kind, subject, at_us) "
            "SELECT organization_id, 'project_changed', id, 1 FROM project WHERE id = ?",
            (project,),
        )


def test_kill_9_charges_no_orphan_of_an_own_key(world, sim, own, tmp_path):
    there = world("hybrid", usd=1)
    own.defaults(gap_ms=40)

    async def cut():
        body = {"model": "sim", "stream": True, "messages": [{"role": "user", "content": "Hello there"}]}
        url = there.url + "/v1/chat/completions"
        talks = [await wire.Conversation.open(url, body, auth(there)) for _ in range(20)]
        for talk in talks:
            await talk.head()
            # More than 250 ms after the first word, so that progress was noted.
            await talk.read_until(b"llmg")
        there.kill9()
        for talk in talks:
            talk.leave()

    asyncio.run(cut())
    there.start()
    proof = eventually(lambda: (got := there.reconcile())["reconciliation"]["open_calls"] == 0 and got)
    rows = there.calls()
    assert len(rows) == 20 and {row["outcome"] for row in rows} == {"orphaned"}
    assert {(row["used_mode"], row["charged_nano_usd"]) for row in rows} == {("api-keys", 0)}
    assert any(row["cost_nano_usd"] > 0 for row in rows), "what was used is known all the same"
    assert proof["reconciliation"]["ledger"]["charged_nano_usd"] == 0
    assert there.cli("credits", "show")["balance_nano_usd"] == 10**9
    # Their provider bills the organization, so that nothing of it is a loss of ours.
    statement = tmp_path / "statement.jsonl"
    statement.write_text("".join(json.dumps(row) + "\n" for row in own.ended()))
    loss = there.reconcile("--statement", str(statement))["crash_loss"]
    assert (loss["orphans"], loss["loss_nano_usd"]) == (0, 0)


# The key itself.


class Parrot(http.server.BaseHTTPRequestHandler):
    """A provider that lists models, and refuses each call by quoting the key that it got."""

    heard = []

    def do_GET(self):
        self.answer(200, {"data": []})

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        key = self.headers["authorization"].removeprefix("Bearer ")
        self.heard.append(key)
        message = f"Incorrect API key provided: {key}. It begins with {key[:14]} and ends with {key[-9:]}."
        self.answer(401, {"error": {"message": message, "code": "invalid_api_key", "type": "invalid_request_error"}})

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def parrot():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Parrot)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


FAULTS = ["none", "status:401", "status:500", "bad_json", "truncate", "error_event_after:3", "reset_after:2"]


def test_a_key_in_use_is_nowhere_to_be_seen(llmg, sim, own, parrot):
    there = llmg(usd=1, env={**sim.env_for_llmg, "LLMG_LOG": "trace"})
    ids = [add_key(there, own.url, name, key=CANARY) for name in ("sim", "sim-anthropic", "sim-gemini")]
    add_key(there, parrot, OPENAI, key=CANARY)
    set_mode(there, "api-keys")
    answers = []
    for model in ("sim", "sim-anthropic", "sim-gemini"):
        for fault in FAULTS:
            for stream in (False, True):
                answers.append(there.chat(f"Hello [[sim fault={fault}]]", model=model, stream=stream))
    refused = there.chat(model="gpt-4o")
    assert (refused.status, refused.error["code"]) == (502, "upstream_authentication")
    assert "Incorrect API key provided: [key]." in refused.error["message"], "the provider's words, without the key"
    assert Parrot.heard and set(Parrot.heard) == {CANARY}
    assert {row["key_last4"] for row in own.journal()} == {CANARY[-4:]}, "the calls did use it"
    assert sum(answer.status == 200 for answer in answers) >= 6
    set_mode(there, "hybrid")
    own.stop()
    eventually(lambda: there.chat().status == 200 and there.chat(model="sim-gemini").status == 200, 2)
    answers.append(refused)
    seen = [str((answer.headers, answer.body)) for answer in answers]
    seen += [json.dumps(there.api("GET", path)) for path in (KEYS, "/api/v1/usage?bucket=none", "/api/v1/projects")]
    seen += [json.dumps(there.api("GET", f"/api/v1/calls/{row['id']}")) for row in there.calls()]
    seen += [wire.call("GET", there.url + path, headers=auth(there)).text for path in ("/v1/models", "/metrics")]
    assert any(ids[0] in text for text in seen), "what was looked at names the key"
    there.reconcile()
    there.stop()
    files = [path for path in there.folder.rglob("*") if path.is_file()]
    assert {"llmg.db", "analytics.db"} <= {path.name for path in files}
    assert any("events" in path.parts for path in files)
    assert any(b"TRACE" in path.read_bytes() for path in files if path.suffix == ".err"), "the most talkative log"
    places = [(str(path), path.read_bytes()) for path in files] + [("an answer", text.encode()) for text in seen]
    # Shown on purpose are the first and the last four characters.
    pieces = [CANARY[at : at + 10].encode() for at in range(len(CANARY) - 9)]
    assert not [(place, piece) for place, text in places for piece in pieces if piece in text]
