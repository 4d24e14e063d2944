"""The response cache: the same answer at no cost, for the same project only, and nothing that is not whole."""

import asyncio
import json
import time

import pytest

from lib import tenants, wire
from lib.process import FULL, eventually

STREAM = {"stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture
def there(llmg, sim):
    """An instance whose project keeps answers."""
    instance = llmg(env=sim.env_for_llmg)
    switch_on(instance)
    return instance


def switch_on(instance, seconds=60):
    path = f"/api/v1/projects/{instance.project_id}"
    project = instance.api("PATCH", path, {"cache_enabled": True, "cache_ttl_seconds": seconds})
    assert project["cache_enabled"] and project["cache_ttl_seconds"] == seconds
    eventually(lambda: use(instance.chat("is it on")) != "off", 1)


def use(answer):
    assert answer.status == 200, answer.text
    return answer.headers["x-llmg-cache"]


def test_off_by_default(llmg, sim):
    there = llmg(env=sim.env_for_llmg)
    assert [use(there.chat()) for _ in range(3)] == ["off"] * 3
    assert len(sim.journal()) == 3
    assert [use(there.chat(headers={"x-llmg-cache": "ttl=60"})) for _ in range(2)] == ["off"] * 2, "the project decides"


@pytest.mark.parametrize("model", ["sim", "sim-anthropic", "sim-gemini"])
@pytest.mark.parametrize("fields", [{}, STREAM], ids=["plain", "stream"])
def test_the_same_call_again_says_the_same_and_costs_nothing(there, sim, model, fields):
    first, second = (there.chat("Hello [[sim echo=word]]", model=model, **fields) for _ in range(2))
    assert (use(first), use(second)) == ("miss", "hit")
    assert second.content == first.content and second.done == first.done
    assert second.usage["cost_details"] == {"cost_nano_usd": 0, "charged_nano_usd": 0} and first.cost > 0
    assert second.usage["completion_tokens"] == first.usage["completion_tokens"]
    assert len(sim.requests_of(first)) == 1 and sim.journal(second.headers["x-llmg-request-id"]) == []
    if not fields:
        assert second.headers["x-llmg-cost-usd"] == second.headers["x-llmg-charged-usd"] == "0.000000000"
    row = there.call_of(second)
    assert (row["cache"], row["cost_nano_usd"], row["charged_nano_usd"]) == ("hit", 0, 0)
    assert row["attempts"] == [] and row["model"] == model and row["outcome"] == "settled"
    assert there.call_of(first)["cache"] == "miss"
    there.reconcile()
    assert there.api("GET", "/api/v1/usage?bucket=none")["totals"]["cache_hits"] == 1


def test_a_streams_hit_has_the_same_events(there):
    first, second = (there.chat("Tell me [[sim tool=get_weather]]", tools=[TOOL], **STREAM) for _ in range(2))
    assert (use(first), use(second)) == ("miss", "hit")
    without_bill = [[event for event in wire.events(answer.body) if event["choices"]] for answer in (first, second)]
    assert without_bill[0] == without_bill[1] and without_bill[0][-1]["choices"][0]["finish_reason"] == "tool_calls"
    # Whoever does not ask for usage gets none from the cache either.
    third = there.chat("Tell me [[sim tool=get_weather]]", tools=[TOOL], stream=True)
    assert use(third) == "hit" and all(event["choices"] for event in wire.events(third.body)) and third.done


TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}


def test_order_of_keys_and_white_space_do_not_matter(there):
    body = {"model": "sim", "temperature": 0.5, "messages": [{"role": "user", "content": "Hello  there"}]}
    backwards = dict(reversed(body.items())) | {"messages": [{"content": "Hello  there", "role": "user"}]}
    assert use(there.post(body)) == "miss"
    assert use(there.post(json.dumps(backwards, indent=3).encode())) == "hit"
    assert use(there.post(json.dumps(body, separators=(",", ":")).encode())) == "hit"
    assert use(there.post(body | {"user": "somebody"})) == "hit"


@pytest.mark.parametrize(
    "other",
    [
        {"messages": [{"role": "user", "content": "Hello there"}]},
        {"temperature": 0.6},
        {"max_tokens": 100},
        {"model": "sim-anthropic"},
        {"stream": True},
        {"seed": 1},
        {"an_unknown_field": 1},
        {"stop": ["x"]},
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_may_change_the_answer_is_another_call(there, other):
    body = {"model": "sim", "temperature": 0.5, "messages": [{"role": "user", "content": "Hello  there"}]}
    assert use(there.post(body)) == "miss"
    assert use(there.post(body | other)) == "miss"
    assert use(there.post(body)) == "hit"


def test_other_keys_of_the_project_hit(there):
    key = there.new_key()["api_key"]
    assert use(there.chat("Hello")) == "miss"
    assert use(there.chat("Hello", key=key)) == "hit"


def test_other_tenants_never_hit(llmg, sim):
    there = llmg(env=sim.env_for_llmg, start=False)
    beside, other, theirs = tenants.add(there.data, there.organization_id)
    there.cli("credits", "grant", "--organization", other, "--amount-usd", "1")
    own = ["--organization", there.organization_id]
    keys = [there.new_key(*own, "--project", beside), there.new_key("--organization", other, "--project", theirs)]
    # From here on the operator has two organizations, and the first one's project is to keep answers too.
    switch_on(there.start())
    assert [use(there.chat("Hello")) for _ in range(2)] == ["miss", "hit"]
    for key in keys:
        assert [use(there.chat("Hello", key=key["api_key"])) for _ in range(2)] == ["miss", "hit"], (
            "another tenant's answer"
        )
    # What another organization pays and calls is not seen here.
    eventually(lambda: there.reconcile())
    assert theirs not in {row["project_id"] for row in there.calls()} and beside in {
        row["project_id"] for row in there.calls()
    }
    spent = there.cli("credits", "show", "--organization", other)["spent_nano_usd"]
    assert spent == 1_000 + 24 * 2_000


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_what_is_not_whole_is_not_kept(there, sim, stream):
    cut = [there.chat("Hello", max_tokens=3, stream=stream) for _ in range(2)]
    assert [use(answer) for answer in cut] == ["miss", "miss"], "an answer that was cut at max_tokens"
    for fault in ("status:500", "bad_json", "truncate", "error_event_after:3", "reset_after:3", "no_done"):
        before = len(sim.journal())
        for _ in range(2):
            answer = there.chat(f"Hello [[sim fault={fault}]]", stream=stream)
            assert answer.headers.get("x-llmg-cache") != "hit" or fault == "no_done", fault
        assert len(sim.journal()) >= before + 2 or fault == "no_done", fault


def test_an_abandoned_stream_is_not_kept(there, sim):
    sim.defaults(gap_ms=20)
    body = {"model": "sim", "stream": True, "messages": [{"role": "user", "content": "Go"}]}

    async def leave():
        talk = await wire.Conversation.open(
            there.url + "/v1/chat/completions", body, {"authorization": f"Bearer {there.api_key}"}
        )
        await talk.head()
        await talk.read_until(b"answer")
        talk.leave()
        return talk.headers["x-llmg-request-id"]

    sim.ended(asyncio.run(leave()))
    assert use(there.post(body)) == "miss"


def test_a_call_may_stay_out_of_the_cache(there):
    assert use(there.chat("Hello", headers={"x-llmg-cache": "off"})) == "off"
    assert use(there.chat("Hello")) == "miss", "it was not kept"
    assert use(there.chat("Hello", headers={"x-llmg-cache": "off"})) == "off", "it is not read"
    assert use(there.chat("Hello", headers={"x-no-cache": "true"})) == "off"
    assert use(there.chat("Hello")) == "hit"


def test_a_call_may_say_how_long(there):
    for wrong in ("ttl=9", "ttl=31536001", "ttl=", "ttl=ten", "on"):
        answer = there.chat(headers={"x-llmg-cache": wrong})
        assert (answer.status, answer.error["param"]) == (400, "x-llmg-cache")
    assert use(there.chat("Hello", headers={"x-llmg-cache": "ttl=10"})) == "miss"
    assert use(there.chat("Hello")) == "hit"


def test_switched_off_again_it_answers_nothing(there):
    assert use(there.chat("Hello")) == "miss"
    there.api("PATCH", f"/api/v1/projects/{there.project_id}", {"cache_enabled": False})
    eventually(lambda: use(there.chat("Hello")) == "off", 1)


def test_hits_are_free_but_need_a_key_that_opens(there):
    key = there.new_key()
    assert use(there.chat("Hello", key=key["api_key"])) == "miss"
    there.cli("keys", "revoke", key["id"])
    eventually(lambda: there.chat("Hello", key=key["api_key"]).status == 401, 1)


@pytest.mark.skipif(not FULL, reason="the shortest time is 10 s; TEST_FULL=1 waits for it")
def test_an_answer_is_kept_for_as_long_as_it_was_said(there):
    began = time.monotonic()
    assert use(there.chat("Hello", headers={"x-llmg-cache": "ttl=10"})) == "miss"
    eventually(lambda: use(there.chat("Hello", headers={"x-llmg-cache": "ttl=10"})) == "miss", 12, 0.2)
    assert 9.5 < time.monotonic() - began < 11.5
