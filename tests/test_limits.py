"""Limits of a key: 429 with the exact time after which the next call fits."""

import asyncio
import time

from lib import wire
from lib.instance import chat_body
from lib.process import eventually


def test_requests_a_minute(llmg):
    there = llmg()
    key = there.new_key("--rpm", "6")["api_key"]
    began = time.monotonic()
    answers = [there.chat(key=key) for _ in range(6)]
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == list("543210")
    assert {answer.headers["x-ratelimit-limit-requests"] for answer in answers} == {"6"}
    refused = there.chat(key=key)
    passed_ms = (time.monotonic() - began) * 1_000
    assert (refused.status, refused.error["code"]) == (429, "rate_limit_exceeded")
    wait_ms = int(refused.headers["retry-after-ms"])
    assert 10_000 - passed_ms - 5 <= wait_ms <= 10_000, "one request comes back each 10 s"
    assert int(refused.headers["retry-after"]) == -(-wait_ms // 1_000)
    assert there.chat().status == 200, "another key has its own limits"


def test_after_the_time_that_was_said_the_next_call_fits_and_not_before(llmg):
    there = llmg()
    key = there.new_key("--rpm", "60")["api_key"]
    refused = eventually(lambda: (answer := there.chat(key=key)).status == 429 and answer, 15, 0)
    wait_ms = int(refused.headers["retry-after-ms"])
    assert 0 < wait_ms <= 1_000, "one request comes back each second"
    time.sleep(wait_ms / 2_000)
    assert there.chat(key=key).status == 429
    time.sleep(wait_ms / 2_000 + 0.01)
    assert there.chat(key=key).status == 200
    assert there.chat(key=key).status == 429


def test_a_refusal_names_the_limit_in_its_headers(llmg):
    there = llmg()
    key = there.new_key("--rpm", "1")["api_key"]
    assert there.chat(key=key).headers["x-ratelimit-remaining-requests"] == "0"
    refused = there.chat(key=key)
    assert refused.status == 429 and 55 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-ratelimit-limit-requests"] == "1"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"


def test_tokens_a_minute(llmg, sim):
    there = llmg(env=sim.env_for_llmg)
    key = there.new_key("--tpm", "100")["api_key"]
    first = there.chat("one two three four", key=key, max_tokens=60)
    assert first.status == 200 and first.headers["x-ratelimit-limit-tokens"] == "100"
    # 64 were set aside, 28 were used: the rest came back.
    second = there.chat("one two three four", key=key, max_tokens=60)
    assert second.status == 200, "what was not used is given back"
    refused = there.chat("one two three four", key=key, max_tokens=90)
    assert (refused.status, refused.error["code"]) == (429, "rate_limit_exceeded")
    assert len(sim.journal()) == 2
    assert 1 <= int(refused.headers["retry-after"]) <= 60


def test_calls_at_once(llmg, sims):
    sim = sims("--delay-ms", "600")
    there = llmg(env=sim.env_for_llmg)
    key = there.new_key("--concurrency", "3")["api_key"]
    answers = wire.together(there.url + "/v1/chat/completions", [chat_body()] * 10, key)
    assert sorted(answer.status for answer in answers) == [200] * 3 + [429] * 7
    assert there.chat(key=key).status == 200, "the places are free again"


def test_a_client_that_leaves_gives_its_place_back(llmg, sims):
    sim = sims("--gap-ms", "100")
    there = llmg(env=sim.env_for_llmg)
    key = there.new_key("--concurrency", "1")["api_key"]

    async def leave():
        url, auth = there.url + "/v1/chat/completions", {"authorization": f"Bearer {key}"}
        talk = await wire.Conversation.open(url, chat_body(stream=True), auth)
        await talk.head()
        busy = await asyncio.to_thread(there.chat, key=key)
        talk.leave()
        return busy

    assert asyncio.run(leave()).status == 429
    eventually(lambda: there.chat(key=key, max_tokens=1).status == 200, 2)


def test_calls_in_flight_of_the_whole_instance(llmg, sims):
    sim = sims("--delay-ms", "600")
    there = llmg(env={**sim.env_for_llmg, "LLMG_IN_FLIGHT_MAX": "2"})
    answers = wire.together(there.url + "/v1/chat/completions", [chat_body()] * 6, there.api_key)
    assert sorted(answer.status for answer in answers) == [200] * 2 + [503] * 4
    refused = next(answer for answer in answers if answer.status == 503)
    assert refused.error["code"] == "overloaded" and int(refused.headers["retry-after"]) >= 1


def test_unknown_keys_from_one_address(llmg):
    there = llmg(env={"LLMG_TRUSTED_PROXIES": "127.0.0.1", "LLMG_UNKNOWN_KEYS_PER_MINUTE": "5"})
    guess = lambda n, **headers: there.chat(key=f"sk-a-guess-number-{n}", headers=headers)  # noqa: E731
    assert [guess(n).status for n in range(5)] == [401] * 5
    refused = guess(5)
    assert (refused.status, refused.error["code"]) == (429, "rate_limit_exceeded"), refused.text
    assert 10 <= int(refused.headers["retry-after"]) <= 12, "one key each 12 seconds"
    assert guess(0).status == 401, "a key that is known to be nobody's costs nothing"
    assert there.chat(key=there.api_key[:-1] + "~").error["code"] == "malformed_api_key"
    assert guess(6, **{"x-forwarded-for": "203.0.113.7"}).status == 401, "another address has its own"
    known = there.new_key()["api_key"]
    assert there.chat(key=known, headers={"x-forwarded-for": "203.0.113.8"}).status == 200
    assert there.chat(key=known).status == 200, "a known key goes on from the same address"


def test_many_keys_at_once_that_are_somebodys(llmg):
    # Fifty calls at once hold more than the usual credit.
    there = llmg(usd=100, env={"LLMG_UNKNOWN_KEYS_PER_MINUTE": "1"})
    keys = [there.new_key()["api_key"] for _ in range(5)]
    assert [there.chat(key=key).status for key in keys] == [200] * 5
    answers = wire.together(there.url + "/v1/chat/completions", [chat_body()] * 50, there.api_key)
    assert {answer.status for answer in answers} == {200}
