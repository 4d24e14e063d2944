"""Clients that leave."""

import asyncio
import time

import pytest

from lib import wire
from lib.instance import chat_body
from lib.process import eventually, node

TIMES = 20
# What may pass between a stream's start at the simulator and its first chunk at the client, when 20 start at once.
START_MS = 150


def auth(there):
    return {"authorization": f"Bearer {there.api_key}"}


async def leave_after(there, body, mark):
    """Reads a stream up to a mark and leaves. Its id, when the mark came, when it left."""
    talk = await wire.Conversation.open(there.url + "/v1/chat/completions", body, auth(there))
    await talk.head()
    first = await talk.chunk()
    came = time.monotonic()
    received = first if mark in first else first + await talk.read_until(mark)
    talk.leave()
    return talk.headers["x-llmg-request-id"], came, talk.left_at, received


@pytest.mark.parametrize("model", ["sim", "sim-anthropic", "sim-gemini"])
def test_the_provider_is_cancelled_within_250_ms_and_the_tokens_until_then_are_billed(llmg, sims, model):
    sim = sims("--gap-ms", "30")
    there = llmg(env=sim.env_for_llmg)
    body = chat_body("Hello there [[sim output_tokens=300]]", model=model, stream=True)

    async def leave_all():
        return await asyncio.gather(*(leave_after(there, body, b"answer") for _ in range(TIMES)))

    for id, came, left, received in asyncio.run(leave_all()):
        [seen] = sim.ended(id)
        assert seen["end"] == "cancelled"
        # The simulator's clock starts at the request, which was before the first chunk came.
        assert came + seen["ended_ms"] / 1_000 - left <= 0.25, "the provider went on for nobody"
        [row] = eventually(lambda id=id: [row for row in there.calls() if row["id"] == id], 2)
        assert row["cancelled"] and (row["outcome"], row["http_status"]) == ("settled", 499)
        texts = [choice["delta"].get("content") for event in wire.events(received) for choice in event["choices"]]
        assert len([text for text in texts if text]) <= row["tokens"]["output"] <= seen["output_tokens"] < 300
        assert row["tokens"]["input"] == seen["input_tokens"] == 4
        assert row["charged_nano_usd"] == 4 * 1_000 + row["tokens"]["output"] * 2_000
        assert row["tokens_source"] == "estimated"
    there.reconcile()
    eventually(lambda: there.metric("llmg_gateway_open_holds") == 0)


def test_over_http2_too(llmg, sims):
    """All streams are on one connection, which stays."""
    sim = sims("--gap-ms", "30")
    there = llmg(env=sim.env_for_llmg)
    body = chat_body("Hello there [[sim output_tokens=300]]", stream=True)
    left = node("h2-leave.mjs", url=there.url, key=there.api_key, body=body, times=TIMES)
    for one in left:
        [seen] = sim.ended(one["id"])
        # From its first chunk, which came after the simulator's clock started, it took this long to leave.
        assert seen["end"] == "cancelled" and seen["ended_ms"] - one["wait_ms"] <= 250 + START_MS
    rows = eventually(lambda: (rows := there.calls()) and len(rows) == TIMES and rows, 5)
    assert {(row["cancelled"], row["outcome"], row["tokens_source"]) for row in rows} == {
        (True, "settled", "estimated")
    }
    there.reconcile()


def test_a_plain_call_that_is_left_is_cancelled_and_bills_its_input(llmg, sim):
    there = llmg(env=sim.env_for_llmg)

    async def leave():
        body = chat_body("Hello there [[sim delay_ms=20000]]")
        talk = await wire.Conversation.open(there.url + "/v1/chat/completions", body, auth(there))
        await asyncio.to_thread(eventually, sim.journal)
        talk.leave()

    asyncio.run(leave())
    left = time.monotonic()
    [seen] = sim.ended()
    assert time.monotonic() - left < 0.35 and seen["end"] == "cancelled"
    [row] = eventually(there.calls, 2)
    assert row["cancelled"] and row["tokens_source"] == "estimated"
    assert (row["tokens"]["input"], row["tokens"]["output"], row["charged_nano_usd"]) == (4, 0, 4_000)


@pytest.mark.parametrize("mark", [b'"finish_reason":"stop"', b"[DONE]"], ids=["finish", "done"])
def test_leaving_right_after_the_last_chunk_is_a_success(llmg, sim, mark):
    there = llmg(env=sim.env_for_llmg)
    body = chat_body("Hello there", stream=True)

    async def leave_all():
        return [await leave_after(there, body, mark) for _ in range(TIMES)]

    ids = {id for id, *_ in asyncio.run(leave_all())}
    rows = eventually(lambda: (rows := there.calls()) and len(rows) == TIMES and rows, 5)
    assert {row["id"] for row in rows} == ids
    assert {(row["http_status"], row["cancelled"], row["tokens_source"]) for row in rows} == {(200, False, "provider")}
    assert {row["charged_nano_usd"] for row in rows} == {2 * 1_000 + 24 * 2_000}


def test_leaving_at_any_point_leaves_no_hold_behind(llmg, sims):
    """B4: afterwards a request of exactly the credit that is left is accepted."""
    sim = sims("--gap-ms", "5")
    there = llmg(usd="0.05", env=sim.env_for_llmg)
    marks = [b"assistant", b"simulated", b" answer", b" simulator", b" model", b"[DONE]"]

    async def leave_all():
        body = chat_body("Hello there", stream=True, max_tokens=24)
        await asyncio.gather(*(leave_after(there, body, marks[i % len(marks)]) for i in range(120)))

    asyncio.run(leave_all())
    eventually(lambda: there.metric("llmg_gateway_open_holds") == 0, 5)
    there.reconcile()
    left = there.cli("credits", "show")["balance_nano_usd"]
    answer = there.chat("word " * (left % 2_000 // 1_000 + 2), max_tokens=(left - 2_000) // 2_000)
    assert answer.status == 200, "what is left cannot be held"
    assert there.chat("Hello", max_tokens=left // 2_000 + 1).status == 402
