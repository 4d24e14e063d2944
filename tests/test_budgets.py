"""Budgets on whole processes: never overshot, kept across a kill, named when they refuse."""

import pytest

from lib import wire
from lib.instance import chat_body
from lib.process import eventually

# The simulated model's price: nano-USD per token.
INPUT, OUTPUT = 1_000, 2_000
TEN_WORDS = "one two three four five six seven eight nine ten"


def budget(there, amount, scope="organization", **fields):
    body = {"name": "b", "scope": scope, "amount_nano_usd": amount, "window": "total", "alerts": [], **fields}
    return there.api("POST", "/api/v1/budgets", body)["id"]


def figures(there, id):
    return there.api("GET", f"/api/v1/budgets/{id}")


def enforced(there, max_tokens=1):
    """The refusal of a call that does not fit, once the gateway knows the budget."""
    return eventually(lambda: (answer := there.chat(max_tokens=max_tokens)).status == 402 and answer, 2, 0.05)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_budget_for_fifty_calls_buys_fifty(llmg, sim, stream):
    """300 at once with room for exactly 50, each of which holds exactly what it will cost."""
    there = llmg(usd=5, env=sim.env_for_llmg)
    price = 10 * INPUT + 5 * OUTPUT
    id = budget(there, 50 * price)
    enforced(there, max_tokens=2_000)
    body = chat_body(TEN_WORDS, max_tokens=5, stream=stream)
    answers = wire.together(there.url + "/v1/chat/completions", [body] * 300, there.api_key)
    served = [answer for answer in answers if answer.status == 200]
    assert len(served) == 50
    for answer in answers:
        if answer.status == 402:
            assert answer.error["code"] == "budget_exceeded" and answer.headers["x-should-retry"] == "false"
        elif answer.status != 200:
            assert (answer.status, answer.error["code"]) == (429, "in_flight_budget_exhausted")
            assert int(answer.headers["retry-after"]) >= 1
    there.reconcile()
    shown = figures(there, id)
    assert (shown["spent_nano_usd"], shown["remaining_nano_usd"]) == (50 * price, 0)
    refused = there.chat(max_tokens=1)
    assert refused.status == 402 and "the budget `b` on the organization" in refused.error["message"]
    assert "never counted anew" in refused.error["message"]


def test_each_scope_holds_and_the_refusal_names_it_and_its_reset(llmg):
    there = llmg(usd=5)
    ids = {
        "model": budget(there, 1, "model", scope_value="sim", window="month"),
        "tag": budget(there, 1, "tag", scope_value="batch", window="day"),
    }
    refused = enforced(there)
    assert refused.error["code"] == "budget_exceeded" and "model `sim`" in refused.error["message"]
    assert figures(there, ids["model"])["resets_at"][:19] in refused.error["message"]
    assert there.chat(model="sim-anthropic", max_tokens=1).status == 200
    tagged = there.chat(model="sim-anthropic", max_tokens=1, headers={"x-llmg-tags": "batch"})
    assert tagged.status == 402 and "tag `batch`" in tagged.error["message"]
    assert there.chat(model="sim-anthropic", max_tokens=1, headers={"x-llmg-tags": "other"}).status == 200


def test_a_soft_budget_counts_and_refuses_nothing(llmg):
    there = llmg(usd=5)
    id = budget(there, 1, enforcement="soft")
    eventually(lambda: there.chat(max_tokens=1).status == 200 and figures(there, id)["calls"] > 0, 5, 0.1)
    shown = figures(there, id)
    assert shown["spent_nano_usd"] > 1 and shown["held_nano_usd"] == 0


def test_what_was_spent_stays_spent_after_a_kill(llmg, sim):
    there = llmg(usd=5, env=sim.env_for_llmg)
    price = 2 * INPUT + 1 * OUTPUT
    id = budget(there, 3 * price)
    enforced(there, max_tokens=100)
    assert there.chat(max_tokens=1).status == 200
    there.kill9()
    there.start()

    def spent_to_the_end():
        answer = there.chat(max_tokens=1)
        assert answer.status in (200, 402, 429), answer.text
        return answer.status == 402

    eventually(spent_to_the_end, 10, 0.1)
    there.reconcile()
    eventually(lambda: figures(there, id)["spent_nano_usd"] == 3 * price, 5, 0.1)


def test_a_stream_that_outgrows_its_budget_ends_with_an_error(llmg, sims):
    """A stream holds in steps: it is let in, and ends where the next step does not fit."""
    sim = sims("--gap-ms", "0")
    there = llmg(usd=20, env=sim.env_for_llmg)
    id = budget(there, 0)
    enforced(there)
    amount = 100 * INPUT + 1_500 * OUTPUT
    there.api("PATCH", f"/api/v1/budgets/{id}", {"amount_nano_usd": amount})
    body = {"stream": True, "max_tokens": 4_000}
    answer = eventually(
        lambda: (a := there.chat("Hello [[sim output_tokens=4000]]", **body)).status == 200 and a, 3, 0.1
    )
    assert not answer.done and b"budget_exceeded" in answer.body
    there.reconcile()
    spent = figures(there, id)["spent_nano_usd"]
    assert 1_024 * OUTPUT <= spent <= amount
