"""Providers that fail: what is tried again, what goes elsewhere, what the client is told, and what is billed."""

import contextlib
import socket
import time

import pytest

from lib import catalog, wire
from lib.process import eventually, free_port

ANSWER = "[simulated] This answer comes from the simulator that is built into llmg, not from a language model."


@pytest.fixture
def there(llmg, sim):
    return llmg(env=sim.env_for_llmg)


def billed(there, answer):
    row = there.call_of(answer)
    return row["outcome"], row["cost_nano_usd"]


def error_of(answer):
    """The error event at a stream's end; all events must be JSON."""
    last = wire.events(answer.body)[-1]
    assert "error" in last, f"a clean end: {last}"
    return last["error"]


# Before the first byte.


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
def test_a_refusal_is_tried_again_once(there, sim, status, stream):
    answer = there.chat(f"Hello [[sim fault=status_once:{status}:x retry_after=0]]", stream=stream)
    assert answer.status == 200 and answer.content.startswith(ANSWER)
    assert answer.headers["x-llmg-attempts"] == "2"
    first, second = sim.requests_of(answer)
    assert (first["status"], second["status"]) == (status, 200)
    assert first["client_request_id"].endswith("-1") and second["client_request_id"].endswith("-2")
    row = there.call_of(answer)
    assert [attempt["status"] for attempt in row["attempts"]] == [status, 200]
    assert row["cost_nano_usd"] == 4 * 1_000 + 24 * 2_000, "only the answer is billed"


@pytest.mark.parametrize("status", [400, 401, 404])
def test_what_no_repetition_mends_is_not_tried_again(there, sim, status):
    answer = there.chat(f"Hello [[sim fault=status:{status}]]")
    assert answer.status in (400, 404, 502) and answer.error["provider"] == "sim"
    assert answer.error["status"] == status and answer.error["attempts"] == len(sim.requests_of(answer)) == 1
    assert billed(there, answer) == ("voided", 0)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("fault", ["status:500", "status:503", "connect_reset"])
def test_an_error_before_the_first_token_is_told_and_bills_nothing(there, sim, fault, stream):
    answer = there.chat(f"Hello [[sim fault={fault}]]", stream=stream)
    assert answer.status in (502, 503) and answer.headers["content-type"] == "application/json"
    assert answer.error["code"].startswith("upstream_")
    assert answer.error["provider"] == answer.headers["x-llmg-provider"] == "sim"
    # What took the call and said nothing may have worked on it: only what said no is asked again.
    tries = 1 if fault == "connect_reset" else 2
    assert answer.error["attempts"] == int(answer.headers["x-llmg-attempts"]) == len(sim.requests_of(answer)) == tries
    assert billed(there, answer) == ("voided", 0)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("fault", ["bad_json", "truncate"])
def test_an_answer_that_is_none_is_told(there, sim, fault, stream):
    answer = there.chat(f"Hello [[sim fault={fault}]]", stream=stream)
    if stream and answer.status == 200:
        error = error_of(answer)
        assert not answer.done
    else:
        error = answer.error
        assert answer.status == 502 and billed(there, answer) == ("voided", 0)
    assert error["code"] in ("upstream_invalid_response", "upstream_error")
    assert (error["provider"], error["attempts"]) == ("sim", 1)


def test_the_wait_for_the_first_byte_has_an_end(llmg, sim):
    there = llmg(env={**sim.env_for_llmg, "LLMG_UPSTREAM_FIRST_BYTE_TIMEOUT_MS": "400"})
    for keys in ("delay_ms=30000", "first_ms=30000"):
        for stream in (False, True):
            began = time.monotonic()
            answer = there.chat(f"Hello [[sim {keys}]]", stream=stream)
            assert 0.35 < time.monotonic() - began < 2, keys
            assert (answer.status, answer.error["code"]) == (504, "upstream_timeout")
            assert (answer.error["provider"], answer.error["attempts"]) == ("sim", 1)
            assert billed(there, answer) == ("voided", 0)
            assert [row["end"] for row in sim.requests_of(answer)] == ["cancelled"]


def test_nobody_listens(llmg):
    there = llmg(env={"LLMG_PROVIDER_SIM_BASE_URL": f"http://127.0.0.1:{free_port()}/v1"})
    answer = there.chat()
    assert (answer.status, answer.error["code"]) == (502, "upstream_unreachable")
    assert (answer.error["provider"], answer.error["attempts"]) == ("sim", 2)
    assert billed(there, answer) == ("voided", 0)


def test_connecting_takes_too_long(llmg):
    """A listener whose queue is full lets further clients wait."""
    with socket.socket() as full, contextlib.ExitStack() as clients:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            client = clients.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        there = llmg(env={"LLMG_PROVIDER_SIM_BASE_URL": url, "LLMG_UPSTREAM_CONNECT_TIMEOUT_MS": "300"})
        began = time.monotonic()
        answer = there.chat()
        assert time.monotonic() - began < 2
        assert answer.status in (502, 504) and answer.error["code"] in ("upstream_timeout", "upstream_unreachable")
        assert answer.error["provider"] == "sim" and billed(there, answer) == ("voided", 0)


# Elsewhere: one model at two providers.


class Twins:
    """A model `twin` at provider `first`, whose price is lower, and at `second`."""

    def __init__(self, llmg, sims, tmp_path, first_url=None):
        self.first, self.second = sims(), sims()
        parts = [catalog.provider("first", first_url or self.first.url), catalog.provider("second", self.second.url)]
        parts += [
            catalog.model("twin", "first", 1_000_000, 1_000_000),
            catalog.model("twin", "second", 3_000_000, 3_000_000),
        ]
        file = catalog.write(tmp_path / "catalog.toml", *parts)
        configured = {"LLMG_PROVIDER_FIRST_API_KEY": "k", "LLMG_PROVIDER_SECOND_API_KEY": "k"}
        self.llmg = llmg(env={"LLMG_CATALOG_FILE": file, **configured})


@pytest.mark.parametrize("fault", ["status:500", "status:429", "status:401", "connect_reset", "nobody"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_the_next_provider_answers(llmg, sims, tmp_path, fault, stream):
    twins = Twins(llmg, sims, tmp_path, f"http://127.0.0.1:{free_port()}" if fault == "nobody" else None)
    if fault != "nobody":
        twins.first.defaults(fault=fault)
    answer = twins.llmg.chat("Hello there", model="twin", stream=stream)
    assert answer.status == 200 and answer.content.startswith(ANSWER)
    assert (answer.headers["x-llmg-provider"], answer.headers["x-llmg-attempts"]) == ("second", "2")
    row = twins.llmg.call_of(answer)
    assert [attempt["provider"] for attempt in row["attempts"]] == ["first", "second"]
    assert row["provider"] == "second" and row["charged_nano_usd"] == 26 * 3_000, (
        "at the price of the one that answered"
    )
    # The one that failed is left alone for a while; the model is still served.
    again = twins.llmg.chat("Hello there", model="twin")
    assert (again.headers["x-llmg-provider"], again.headers["x-llmg-attempts"]) == ("second", "1")
    assert len(twins.second.journal()) == 2


def test_a_named_provider_and_no_fallback_stay_where_they_are(llmg, sims, tmp_path):
    twins = Twins(llmg, sims, tmp_path)
    assert twins.llmg.chat(model="twin").headers["x-llmg-provider"] == "first"
    assert twins.llmg.chat(model="second/twin").headers["x-llmg-provider"] == "second"
    twins.first.defaults(fault="status:500")
    answer = twins.llmg.chat(model="twin", headers={"x-llmg-no-fallback": "true"})
    assert (answer.status, answer.error["provider"]) == (502, "first")
    assert len(twins.second.journal()) == 1


@pytest.mark.parametrize(
    "fault", ["error_event_after:0", "error_event_after:3", "reset_after:3", "truncate", "bad_json"]
)
def test_nothing_is_tried_again_after_the_first_byte(llmg, sims, tmp_path, fault):
    twins = Twins(llmg, sims, tmp_path)
    twins.first.defaults(fault=fault, gap_ms=20)
    answer = twins.llmg.chat("Hello there", model="twin", stream=True)
    if answer.headers["x-llmg-provider"] == "second":
        assert fault == "error_event_after:0", "the client had bytes of the first one"
        return
    error = error_of(answer)
    assert error["code"].startswith("upstream_") and not answer.done and answer.status == 200
    assert 'finish_reason":"' not in answer.text, "a clean finish"
    assert twins.second.journal() == []
    assert len(twins.first.requests_of(answer)) == 1
    assert (error["provider"], error["attempts"]) == ("first", 1)


def test_an_error_in_a_stream_counts_all_attempts(llmg, sims, tmp_path):
    twins = Twins(llmg, sims, tmp_path)
    twins.first.defaults(fault="status:500")
    twins.second.defaults(fault="error_event_after:3", gap_ms=20)
    answer = twins.llmg.chat("Hello there", model="twin", stream=True)
    error = error_of(answer)
    assert (error["provider"], error["attempts"], answer.headers["x-llmg-attempts"]) == ("second", 2, "2")


@pytest.mark.parametrize("model", ["sim", "sim-anthropic", "sim-gemini"])
@pytest.mark.parametrize(
    "fault, tokens", [("error_event_after:3", 3), ("reset_after:3", 3), ("error_event_after:0", 0)]
)
def test_what_came_until_the_failure_is_billed(there, sim, model, fault, tokens):
    answer = there.chat(f"Hello there [[sim fault={fault} gap_ms=20]]", model=model, stream=True)
    row, [seen] = there.call_of(answer), sim.requests_of(answer)
    assert seen["output_tokens"] == tokens
    if tokens == 0:
        assert (row["outcome"], row["cost_nano_usd"]) == ("voided", 0), "an error before the first token bills nothing"
        return
    assert error_of(answer)["code"] in ("upstream_error", "upstream_overloaded") and not answer.done
    assert (row["outcome"], row["tokens"]["input"], row["tokens"]["output"]) == ("settled", 5, tokens)
    assert row["tokens_source"] == "estimated" and row["cost_nano_usd"] == 5 * 1_000 + tokens * 2_000


# In the middle of a stream.


def test_a_provider_that_falls_silent(llmg, sim):
    there = llmg(env={**sim.env_for_llmg, "LLMG_UPSTREAM_IDLE_TIMEOUT_MS": "500"})
    began = time.monotonic()
    answer = there.chat("Hello there [[sim fault=stall_after:3]]", stream=True)
    assert 0.45 < time.monotonic() - began < 2
    assert error_of(answer)["code"] == "upstream_timeout" and not answer.done
    row = there.call_of(answer)
    assert (row["outcome"], row["tokens"]["output"], row["tokens_source"]) == ("settled", 3, "estimated")
    [seen] = sim.requests_of(answer)
    assert seen["end"] == "cancelled" and seen["ended_ms"] < 2_000


@pytest.mark.parametrize(
    "keys", ["newline=crlf", "newline=cr", "split=1", "split=7 newline=crlf", "fault=big_event:5000000"]
)
@pytest.mark.parametrize("model", ["sim", "sim-anthropic", "sim-gemini"])
def test_odd_but_right_streams_are_understood(there, sim, model, keys):
    answer = there.chat(f"Hello [[sim {keys}]]", model=model, stream=True, stream_options={"include_usage": True})
    assert answer.status == 200 and answer.done and answer.content.startswith(ANSWER)
    assert answer.usage["completion_tokens"] == 24
    assert there.call_of(answer)["tokens_source"] == "provider"


@pytest.mark.parametrize(
    "fault, source",
    [("no_usage", "estimated"), ("usage_twice", "provider"), ("usage_negative", "estimated"), ("no_done", "provider")],
)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("model", ["sim", "sim-anthropic", "sim-gemini"])
def test_odd_usage_is_billed_by_what_was_said(there, sim, model, stream, fault, source):
    answer = there.chat(f"Hello there [[sim fault={fault}]]", model=model, stream=stream)
    assert answer.status == 200 and answer.content.startswith(ANSWER)
    row = there.call_of(answer)
    assert (row["tokens"]["output"], row["cost_nano_usd"]) == (24, 4 * 1_000 + 24 * 2_000)
    if (model, stream, fault) == ("sim-gemini", True, "no_done"):
        # Its end is a finish reason, so that without one the stream was cut off.
        source = "estimated"
    assert row["tokens_source"] == source


def test_all_of_it_is_in_the_books(there, sim):
    faults = [
        "status:500",
        "bad_json",
        "truncate",
        "error_event_after:3",
        "reset_after:2",
        "no_usage",
        "usage_negative",
    ]
    for fault in faults:
        for stream in (False, True):
            there.chat(f"Hello there [[sim fault={fault}]]", stream=stream)
    proof = there.reconcile()["reconciliation"]
    assert proof["ledger"]["calls"] == 2 * len(faults) and proof["open_calls"] == 0
    assert there.cli("credits", "show")["spent_nano_usd"] == proof["ledger"]["charged_nano_usd"]
    eventually(lambda: there.metric("llmg_gateway_open_holds") == 0)
