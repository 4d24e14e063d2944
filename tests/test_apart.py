"""Control and two gateways as processes of their own: what ends, ends on both; without control, what is known goes on."""

import asyncio
import threading
import time

import pytest
from lib import wire
from lib.apart import Control, Gateway, Metering
from lib.instance import chat_body
from lib.process import eventually

LAST_CALL_S = 1
STREAM_END_S = 5
WORDS = "Hello there [[sim output_tokens=2000]]"
# Of the right shape, and nobody's.
UNKNOWN = "sk-of-another-product-0123456789"


@pytest.fixture
def apart(tmp_path_factory, template, sims):
    """`(control, gateways)` with credit; all end cleanly."""
    sim = sims("--gap-ms", "30")
    control = Control(tmp_path_factory.mktemp("control"), template)
    # Enough for a lease of each gateway.
    control.grant(500)
    control.start()
    metering = Metering(tmp_path_factory.mktemp("metering"), control).start()
    gateways = [
        Gateway(tmp_path_factory.mktemp("gateway"), control, sim.env_for_llmg).start()
        for _ in range(2)
    ]
    yield control, gateways
    for process in [*gateways, metering, control]:
        process.stop()


def load(gateway, key, stop, last, refusals):
    """Calls one after the other; when the last accepted one began, and how others were refused."""
    while not stop.is_set():
        began = time.monotonic()
        answer = gateway.chat(key=key)
        if answer.status == 200:
            last[0] = max(last[0], began)
        else:
            refusals.append((answer.status, answer.error["code"]))
            time.sleep(0.02)


def under_load(gateways, key, act):
    """Seconds from the answer to `act` until the last accepted call began, on each gateway."""
    stop, lasts, refusals = threading.Event(), [[0.0] for _ in gateways], []
    threads = [
        threading.Thread(target=load, args=(gateway, key, stop, last, refusals))
        for gateway, last in zip(gateways, lasts, strict=True)
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    eventually(lambda: all(last[0] for last in lasts))
    act()
    acted = time.monotonic()
    eventually(
        lambda: len(refusals) >= 8 and time.monotonic() > acted + 2 * LAST_CALL_S, 10
    )
    stop.set()
    for thread in threads:
        thread.join()
    return [last[0] - acted for last in lasts], set(refusals)


def test_a_revoked_key_ends_on_every_gateway(apart):
    control, gateways = apart
    key = control.new_key()
    bearer = {"authorization": f"Bearer {key['api_key']}"}

    async def stream(gateway):
        talk = await wire.Conversation.open(
            gateway.url + "/v1/chat/completions", chat_body(WORDS, stream=True), bearer
        )
        await talk.head()
        received = await talk.chunk()
        return talk, received

    async def rest_of(talk, received):
        while chunk := await talk.chunk():
            received += chunk
        talk.leave()
        return received, time.monotonic()

    async def all_of_it():
        talks = [await stream(gateway) for gateway in gateways]
        revoke = lambda: control.api("DELETE", f"/api/v1/api-keys/{key['id']}")
        ends = [asyncio.create_task(rest_of(*talk)) for talk in talks]
        before = time.monotonic()
        late, refusals = await asyncio.to_thread(
            under_load, gateways, key["api_key"], revoke
        )
        ended = await asyncio.wait_for(asyncio.gather(*ends), 3 * STREAM_END_S)
        return late, refusals, [(received, at - before) for received, at in ended]

    late, refusals, ended = asyncio.run(all_of_it())
    print(
        f"last accepted call after the answer: {[round(seconds, 3) for seconds in late]} s"
    )
    print(
        f"streams ended {[round(seconds, 2) for _, seconds in ended]} s after the load began"
    )
    assert max(late) <= LAST_CALL_S and refusals == {(401, "revoked_api_key")}
    for received, seconds in ended:
        assert b"revoked_api_key" in received and seconds < 2 * STREAM_END_S


def test_without_control_what_is_known_goes_on(apart):
    control, gateways = apart
    # Made long ago: the feed has nothing more to say of it.
    key = control.api_key
    for gateway in gateways:
        assert gateway.chat(key=key).status == 200
        assert gateway.chat(key=UNKNOWN).error["code"] == "invalid_api_key"
    made_later = control.new_key()["api_key"]
    control.kill9()
    for gateway in gateways:
        answer = gateway.chat(key=key)
        assert answer.status == 200, answer.text
        answer = gateway.chat(key=made_later)
        assert (answer.status, answer.error["code"]) == (503, "directory_unavailable")
    revoked = control.cli("keys", "create", "--name", "revoked while control is away")
    control.start()
    for gateway in gateways:
        eventually(
            lambda gateway=gateway: gateway.chat(key=made_later).status == 200, 10
        )
        assert gateway.chat(key=revoked["api_key"]).status == 200
        assert gateway.chat(key=UNKNOWN).error["code"] == "invalid_api_key"


def test_calls_of_both_gateways_are_counted_and_paid(apart):
    control, gateways = apart
    answers = [gateway.chat() for gateway in gateways for _ in range(3)]
    assert {answer.status for answer in answers} == {200}
    ids = {answer.headers["x-llmg-request-id"] for answer in answers}
    eventually(lambda: {row["id"] for row in control.calls()} == ids, 10)
    control.reconcile()


def test_a_gateway_with_another_token_answers_nobody(apart, tmp_path):
    control, _ = apart
    stranger = Gateway(tmp_path, control, {"LLMG_CLUSTER_TOKEN": "x" * 40}).start()
    answer = stranger.chat()
    assert (answer.status, answer.error["code"]) == (503, "directory_unavailable")
    stranger.stop()
