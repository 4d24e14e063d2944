"""A key that is revoked, has expired, or whose organization is suspended: its open streams end, and say why."""

import asyncio
import contextlib
import sqlite3
import time

import pytest

from lib import wire
from lib.instance import chat_body
from lib.process import eventually

# The change feed, the look at the caller and the directory's deadline together.
SECONDS = 5
# Longer than any of these tests.
WORDS = "Hello there [[sim output_tokens=2000]]"


def asked_in(dialect):
    if dialect == "anthropic":
        body = {"model": "sim", "max_tokens": 2000, "stream": True, "messages": [{"role": "user", "content": WORDS}]}
        return "/v1/messages", body
    if dialect == "gemini":
        return "/v1beta/models/sim:streamGenerateContent?alt=sse", {"contents": [{"role": "user", "parts": [{"text": WORDS}]}]}
    return "/v1/chat/completions", chat_body(WORDS, stream=True)


async def rest_of(talk):
    received = b""
    while chunk := await talk.chunk():
        received += chunk
    talk.leave()
    return received


def ended_by(there, key, act, dialect="openai"):
    """Everything that a stream says, the id of its call, and how long it went on after `act`."""
    path, body = asked_in(dialect)

    async def talk():
        talk = await wire.Conversation.open(there.url + path, body, {"authorization": f"Bearer {key}"})
        await talk.head()
        received = await talk.chunk()
        await asyncio.to_thread(act)
        acted = time.monotonic()
        received += await asyncio.wait_for(rest_of(talk), 3 * SECONDS)
        return received, talk.headers["x-llmg-request-id"], time.monotonic() - acted

    return asyncio.run(talk())


def cancelled(there, sim, id):
    """The call is settled as one that its client left: what came is billed, and nothing stays held."""
    [seen] = sim.ended(id)
    assert seen["end"] == "cancelled"
    [row] = eventually(lambda: [row for row in there.calls() if row["id"] == id], 2)
    assert row["cancelled"] and (row["outcome"], row["http_status"], row["error_code"]) == ("settled", 499, "request_cancelled")
    assert 0 < row["tokens"]["output"] <= seen["output_tokens"] < 2000
    assert row["charged_nano_usd"] == row["tokens"]["input"] * 1_000 + row["tokens"]["output"] * 2_000
    assert row["tokens_source"] == "estimated"
    eventually(lambda: there.metric("llmg_gateway_open_holds") == 0)
    there.reconcile()


@pytest.mark.parametrize(
    ("dialect", "ends"),
    [("openai", [b"[DONE]", b'"finish_reason":"']), ("anthropic", [b"message_stop"]), ("gemini", [b'"finishReason"'])],
)
def test_a_revoked_keys_stream_ends_with_an_error_in_its_dialect(llmg, sims, dialect, ends):
    sim = sims("--gap-ms", "30")
    there = llmg(env=sim.env_for_llmg)
    key = there.new_key()
    revoke = lambda: there.api("DELETE", f"/api/v1/api-keys/{key['id']}")  # noqa: E731
    received, id, seconds = ended_by(there, key["api_key"], revoke, dialect)
    assert seconds < SECONDS
    assert b"revoked" in received and not any(end in received for end in ends), received[-1000:]
    if dialect == "openai":
        assert wire.events(received)[-1]["error"]["code"] == "revoked_api_key"
    if dialect == "anthropic":
        assert b"event: error" in received
    cancelled(there, sim, id)
    assert there.chat(key=key["api_key"]).error["code"] == "revoked_api_key"


def test_silent_streams_end_too(llmg, sims):
    sim = sims("--gap-ms", "60000")
    there = llmg(env=sim.env_for_llmg)
    key = there.new_key()
    received, _, seconds = ended_by(there, key["api_key"], lambda: there.api("DELETE", f"/api/v1/api-keys/{key['id']}"))
    assert seconds < SECONDS and b"revoked_api_key" in received


def test_a_key_that_expires_ends_its_streams(llmg, sims):
    sim = sims("--gap-ms", "30")
    there = llmg(env=sim.env_for_llmg)
    key = there.new_key()
    rotate = lambda: there.api("POST", f"/api/v1/api-keys/{key['id']}/rotate", {"grace_seconds": 1})  # noqa: E731
    received, id, seconds = ended_by(there, key["api_key"], rotate)
    assert 0.5 < seconds < SECONDS + 1 and b"expired_api_key" in received
    cancelled(there, sim, id)


def test_a_suspended_organizations_streams_end(llmg, sims):
    sim = sims("--gap-ms", "30")
    there = llmg(env=sim.env_for_llmg)

    def suspend():
        with contextlib.closing(sqlite3.connect(there.data / "llmg.db", timeout=10)) as store, store:
            store.execute("UPDATE organization SET status = 'suspended'")
            store.execute(
                "INSERT INTO change (organization_id, kind, subject, at_us) "
                "SELECT id, 'organization_changed', id, 0 FROM organization"
            )

    received, id, seconds = ended_by(there, there.api_key, suspend)
    assert seconds < SECONDS and b"suspended" in received and b"[DONE]" not in received
    with contextlib.closing(sqlite3.connect(there.data / "llmg.db", timeout=10)) as store, store:
        store.execute("UPDATE organization SET status = 'active'")
    cancelled(there, sim, id)


def test_other_keys_streams_and_changed_ones_go_on(llmg, sims):
    sim = sims("--gap-ms", "30")
    there = llmg(env=sim.env_for_llmg)
    kept, gone = there.new_key(), there.new_key()
    # 150 words at 30 ms: longer than two looks.
    body = chat_body("Hello there [[sim output_tokens=150]]", stream=True)

    async def talk():
        talk = await wire.Conversation.open(
            there.url + "/v1/chat/completions", body, {"authorization": f"Bearer {kept['api_key']}"}
        )
        await talk.head()
        await talk.chunk()
        await asyncio.to_thread(there.api, "DELETE", f"/api/v1/api-keys/{gone['id']}")
        await asyncio.to_thread(there.api, "PATCH", f"/api/v1/api-keys/{kept['id']}", {"name": "renamed"})
        return await rest_of(talk)

    assert b"[DONE]" in asyncio.run(talk())
    there.reconcile()
