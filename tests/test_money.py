"""Money: the same integers everywhere, and credit that is spent to the last unit and not one further."""

import pytest

from lib import wire
from lib.instance import chat_body
from lib.process import eventually

# The simulated model's price: nano-USD per token.
INPUT, OUTPUT = 1_000, 2_000

SHAPES = {
    "plain": {},
    "stream": {"stream": True, "stream_options": {"include_usage": True}},
    "anthropic": {"model": "sim-anthropic"},
    "gemini": {"model": "sim-gemini", "stream": True, "stream_options": {"include_usage": True}},
    "cut": {"max_tokens": 7},
    "reasoning": {"text": "Hi [[sim reasoning_tokens=9 cached_tokens=1]]"},
}


def test_the_same_integers_everywhere(llmg, sim):
    """Answer = call list = usage figures = ledger = what the provider counted."""
    there = llmg(usd=1, env=sim.env_for_llmg)
    costs, tokens = [], [0, 0]
    for fields in SHAPES.values():
        answer = there.chat(**{"text": "Hello there", **fields})
        assert answer.status == 200, answer.text
        bill, usage = answer.usage["cost_details"], answer.usage
        assert bill["cost_nano_usd"] == bill["charged_nano_usd"] > 0
        row = there.call_of(answer)
        assert (row["cost_nano_usd"], row["charged_nano_usd"]) == (bill["cost_nano_usd"], bill["charged_nano_usd"])
        assert (
            row["tokens"]["input"] == usage["prompt_tokens"] and row["tokens"]["output"] == usage["completion_tokens"]
        )
        assert row["outcome"] == "settled" and row["tokens_source"] == "provider" and row["http_status"] == 200
        assert row["hold_nano_usd"] >= row["charged_nano_usd"]
        [seen] = sim.requests_of(answer)
        assert (seen["input_tokens"], seen["output_tokens"]) == (usage["prompt_tokens"], usage["completion_tokens"])
        if "stream" not in fields:
            assert answer.headers["x-llmg-cost-usd"] == answer.headers["x-llmg-charged-usd"] == row["cost_usd"]
        costs.append(bill["cost_nano_usd"])
        tokens = [tokens[0] + usage["prompt_tokens"], tokens[1] + usage["completion_tokens"]]
    assert costs[0] == 2 * INPUT + 24 * OUTPUT and costs[4] == 2 * INPUT + 7 * OUTPUT
    tally = there.reconcile()["reconciliation"]["ledger"]
    assert (tally["calls"], tally["cost_nano_usd"], tally["charged_nano_usd"]) == (len(SHAPES), sum(costs), sum(costs))
    assert [tally["input_tokens"], tally["output_tokens"]] == tokens
    totals = there.api("GET", "/api/v1/usage?bucket=none")["totals"]
    assert (totals["calls"], totals["cost_nano_usd"], totals["charged_nano_usd"]) == (
        len(SHAPES),
        sum(costs),
        sum(costs),
    )
    assert [totals["tokens"]["input"], totals["tokens"]["output"]] == tokens
    balance = there.cli("credits", "show")
    assert balance["spent_nano_usd"] == sum(costs) and balance["balance_nano_usd"] == 10**9 - sum(costs)
    shown = there.api("GET", "/api/v1/credits")
    assert shown["spent_nano_usd"] == sum(costs) and shown["credits_nano_usd"] + shown[
        "leased_nano_usd"
    ] == 10**9 - sum(costs)


def test_calls_are_listed_within_two_seconds_and_grouped(llmg):
    there = llmg(usd=1)
    answers = [there.chat(model=model) for model in ("sim", "sim-anthropic", "sim")]
    eventually(lambda: len(there.calls()) == 3, 2)
    assert [row["id"] for row in there.calls()] == [answer.headers["x-llmg-request-id"] for answer in reversed(answers)]
    rows = there.api("GET", "/api/v1/usage?bucket=none&group_by=model")["rows"]
    assert {row["group"]: row["calls"] for row in rows} == {"sim": 2, "sim-anthropic": 1}
    assert {row["model"] for row in there.calls(model="sim-anthropic")} == {"sim-anthropic"}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_credit_for_a_hundred_calls_buys_a_hundred(llmg, sim, stream):
    """1,000 at once with credit for exactly 100, each of which holds exactly what it will cost."""
    words, limit = 10, 5
    there = llmg(usd=0, env=sim.env_for_llmg)
    there.grant(f"{(words * INPUT + limit * OUTPUT) * 100 / 1e9:.9f}")
    body = chat_body("one two three four five six seven eight nine ten", max_tokens=limit, stream=stream)
    answers = wire.together(there.url + "/v1/chat/completions", [body] * 1000, there.api_key)
    served = [answer for answer in answers if answer.status == 200]
    refused = [answer for answer in answers if answer.status != 200]
    assert len(served) == 100
    assert all(answer.done for answer in served) or not stream
    for answer in refused:
        if answer.status == 402:
            assert answer.error["code"] == "insufficient_credits" and answer.headers["x-should-retry"] == "false"
        else:
            assert (answer.status, answer.error["code"]) == (429, "in_flight_budget_exhausted")
            assert int(answer.headers["retry-after"]) >= 1
    assert there.chat(max_tokens=1).status == 402, "what is spent is spent"
    proof = there.reconcile()["reconciliation"]
    balance = there.cli("credits", "show")
    assert balance["balance_nano_usd"] == 0 and balance["spent_nano_usd"] == 100 * (words * INPUT + limit * OUTPUT)
    assert proof["ledger"]["charged_nano_usd"] == balance["spent_nano_usd"] and proof["open_calls"] == 0
    assert sim.summary()["requests"] == sim.summary()["completed"] == 100
    eventually(lambda: there.metric("llmg_gateway_open_holds") == 0)


def test_one_unit_short_is_refused_and_one_unit_more_is_enough(llmg, sim):
    price = 2 * INPUT + 3 * OUTPUT
    there = llmg(usd=0, env=sim.env_for_llmg)
    there.grant(f"{(price - 1) / 1e9:.9f}")
    refused = there.chat(max_tokens=3)
    assert (refused.status, refused.error["code"]) == (402, "insufficient_credits")
    assert refused.headers["x-should-retry"] == "false" and sim.journal() == []
    there.grant("0.000000001")
    assert there.chat(max_tokens=3).status == 200
    there.reconcile()
    assert there.cli("credits", "show")["balance_nano_usd"] == 0


def test_without_max_tokens_the_output_is_capped_at_what_the_credit_covers(llmg, sim):
    there = llmg(usd=0, env=sim.env_for_llmg)
    there.grant(f"{(2 * INPUT + 20 * OUTPUT) / 1e9:.9f}")
    answer = there.chat()
    assert answer.status == 200 and answer.headers["x-llmg-output-cap"] == "20"
    assert answer.json["choices"][0]["finish_reason"] == "length"
    assert answer.usage["completion_tokens"] == 20
    there.reconcile()
    assert there.cli("credits", "show")["balance_nano_usd"] == 0


def test_a_stream_that_outgrows_the_credit_ends_with_an_error(llmg, sim):
    """It holds its input and 1,024 output tokens at first, and more as it goes."""
    there = llmg(usd=0, env=sim.env_for_llmg)
    there.grant(f"{(3 * INPUT + 1_500 * OUTPUT) / 1e9:.9f}")
    text = "Go on [[sim output_tokens=5000 chunks=5000]]"
    answer = there.chat(text, stream=True)
    assert answer.status == 200 and not answer.done
    row = there.call_of(answer)
    assert row["outcome"] == "settled" and row["tokens"]["output"] <= 1_500
    there.reconcile()
    assert there.cli("credits", "show")["balance_nano_usd"] >= 0, "more was spent than there was"
    assert row["tokens"]["output"] >= 1_024, "it ended before what it held was used up"
    # No other call is in flight: there is nothing to wait for.
    assert wire.events(answer.body)[-1]["error"]["code"] == "insufficient_credits"


def test_grants_with_one_word_are_made_once(llmg):
    there = llmg(usd=0)
    for _ in range(3):
        balance = there.cli("credits", "grant", "--amount-usd", "1.5", "--idempotency-key", "first top-up")
    assert balance["balance_nano_usd"] == 1_500_000_000
