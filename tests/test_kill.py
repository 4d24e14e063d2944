"""`kill -9` in the middle of many streams, three times: nothing that a provider produced is lost, and nothing is billed twice."""

import asyncio
import json
import time

from lib import wire
from lib.instance import chat_body
from lib.process import FULL, eventually

MODELS = ["sim", "sim-anthropic", "sim-gemini"]
STREAMS = 1_000
ROUNDS = 10 if FULL else 3
USD = "0.3" if ROUNDS == 3 else "0.6"
INPUT, OUTPUT = 1_000, 2_000
TOKENS = 24


def statement(sim, folder):
    """The simulator's journal as the provider's own statement."""
    path = folder / "journal.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in sim.journal()))
    return path


async def killed_in_the_middle(there, sim, streams):
    """Starts streams and kills the instance when all are on their way and some have ended; the answers as far as they came."""
    bodies = [
        chat_body(f"stream {i} of many", model=MODELS[i % 3], stream=True, max_tokens=2 + i % TOKENS)
        for i in range(streams)
    ]
    auth = {"authorization": f"Bearer {there.api_key}"}

    async def one(body):
        try:
            talk = await wire.Conversation.open(there.url + "/v1/chat/completions", body, auth)
        except ConnectionError:
            return wire.Answer(0, {}, b"", whole=False)
        return await talk.rest()

    before = await asyncio.to_thread(sim.summary)
    tasks = [asyncio.create_task(one(body)) for body in bodies]

    def in_the_middle():
        now = sim.summary()
        return (
            now["requests"] - before["requests"] >= streams * 3 // 4
            and now["completed"] - before["completed"] >= streams // 20
        )

    await asyncio.to_thread(eventually, in_the_middle, 30, 0.01)
    there.kill9()
    return await asyncio.gather(*tasks)


def test_every_request_that_reached_the_provider_ends_once(llmg, sims, tmp_path):
    sim = sims("--gap-ms", "40")
    there = llmg(usd=USD, env=sim.env_for_llmg)
    cut = 0
    for _ in range(ROUNDS):
        answers = asyncio.run(killed_in_the_middle(there, sim, STREAMS))
        cut += sum(1 for answer in answers if answer.status == 200 and not answer.whole)
        there.start()
        ready = time.monotonic()
        eventually(
            lambda: (
                there.metric("llmg_gateway_open_holds") == 0 and there.reconcile()["reconciliation"]["open_calls"] == 0
            ),
            5,
        )
        assert time.monotonic() - ready < 5
        # The next life serves, on what credit is left.
        assert eventually(lambda: there.chat(max_tokens=1).status == 200, 5)
        ids = {row["client_request_id"].rsplit("-", 1)[0] for row in sim.ended()}
        tally = there.reconcile()["reconciliation"]
        listed = [row["id"] for row in there.calls()]
        assert len(listed) == len(set(listed)), "a call is listed twice"
        assert ids <= set(listed), "a request that reached the provider has no end"
        assert tally["gateway"]["calls"] == tally["analytics"]["calls"] == tally["ledger"]["calls"] == len(listed)
    assert cut > STREAMS // 10, "the kills hit nothing"

    proof = there.reconcile("--statement", str(statement(sim, tmp_path)))
    produced, billed, loss = sim.summary(), proof["reconciliation"]["ledger"], proof["crash_loss"]
    assert produced["open"] == 0 and loss["overbilled"] == 0
    rows = there.calls()
    orphans = [row for row in rows if row["outcome"] == "orphaned"]
    assert loss["orphans"] == len(orphans) > 0
    assert billed["output_tokens"] + loss["output_tokens"] == produced["output_tokens"]
    assert billed["input_tokens"] + loss["input_tokens"] == produced["input_tokens"]
    worth = produced["input_tokens"] * INPUT + produced["output_tokens"] * OUTPUT
    assert billed["cost_nano_usd"] + loss["loss_nano_usd"] == worth
    # Said again, it changes nothing.
    again = there.reconcile("--statement", str(statement(sim, tmp_path)))["crash_loss"]
    assert again["posted"] == 0 and again["loss_nano_usd"] == loss["loss_nano_usd"]
    balance = there.cli("credits", "show")
    assert balance["spent_nano_usd"] == billed["charged_nano_usd"] == sum(row["charged_nano_usd"] for row in rows)
    left = balance["balance_nano_usd"]
    assert left == int(float(USD) * 10**9) - balance["spent_nano_usd"]
    # No dead life keeps credit: a call that needs all of what is left is taken, and one token more is not.
    words, n, limit = exactly(left)
    assert there.chat("word " * words, max_tokens=limit + 1, n=n).status == 402
    assert there.chat("word " * words, max_tokens=limit, n=n).status == 200


def exactly(left):
    """Words, choices and a limit within the model's own 100,000 tokens whose bound is this much."""
    for words in range(1, 1_000):
        tokens, rest = divmod(left - words * INPUT, OUTPUT)
        for n in range(1, 129):
            if rest == 0 and tokens % n == 0 and tokens // n < 100_000:
                return words, n, tokens // n
    raise AssertionError(f"no call costs exactly {left}")


def test_what_a_client_received_in_full_is_billed_once_across_a_kill(llmg, sim):
    there = llmg(usd=1, env=sim.env_for_llmg)
    answers = [there.chat(f"number {i}", max_tokens=3) for i in range(20)]
    there.kill9()
    there.start()
    tally = there.reconcile()["reconciliation"]["ledger"]
    assert tally["calls"] == 20 and tally["charged_nano_usd"] == sum(answer.cost for answer in answers)
    assert {row["outcome"] for row in there.calls()} == {"settled"}
    assert {row["id"] for row in there.calls()} == {answer.headers["x-llmg-request-id"] for answer in answers}
