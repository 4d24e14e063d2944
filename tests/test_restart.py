"""Starting again keeps everything; commands on a running instance take effect; stopping lets open calls end."""

import asyncio
import json
import signal
import time

import pytest

from lib import wire
from lib.instance import PASSWORD, chat_body
from lib.process import eventually, run


def test_the_second_start_keeps_keys_calls_and_balance(llmg, sim):
    there = llmg(usd=2, env=sim.env_for_llmg)
    key = there.new_key("--rpm", "100")["api_key"]
    answers = [there.chat(key=key), there.chat(stream=True), there.chat("Hi [[sim fault=status:500]]")]
    eventually(lambda: len(there.calls()) == 3, 2)
    before, balance = there.calls(), there.cli("credits", "show")
    assert there.restart().calls() == before
    after = eventually(
        lambda: (now := there.cli("credits", "show"))["spent_nano_usd"] == balance["spent_nano_usd"] and now
    )
    assert after["balance_nano_usd"] == balance["balance_nano_usd"]
    again = there.chat(key=key)
    assert again.status == 200 and again.headers["x-ratelimit-limit-requests"] == "100"
    assert there.reconcile()["reconciliation"]["ledger"]["calls"] == len(answers) + 1


def test_a_clean_stop_returns_the_lease(llmg):
    there = llmg(usd=2)
    answer = there.chat()
    there.stop()
    stopped = there.cli("credits", "show")
    assert stopped["leased_nano_usd"] == 0 and stopped["credits_nano_usd"] == 2 * 10**9 - answer.cost


def test_bootstrap_is_safe_to_repeat(llmg):
    there = llmg(usd=2)
    words = ["--email", "a@example.com", "--password", PASSWORD, "--credits-usd", "100", "--json"]
    again = json.loads(there_run(there, "bootstrap", *words).stdout)
    assert (
        again["existed"]
        and again["organization_id"] == there.organization_id
        and again["project_id"] == there.project_id
    )
    assert there.chat().status == 200 and there.chat(key=again["api_key"]).status == 200
    assert there.cli("credits", "show")["balance_nano_usd"] <= 2 * 10**9, "the starter credit was given twice"
    listed = wire.call(
        "GET", there.url + "/api/v1/projects", headers={"authorization": f"Bearer {again['management_key']}"}
    )
    assert len(listed.json["data"]) == 1


def test_bootstrap_refuses_what_is_no_e_mail_and_what_is_no_password(tmp_path):
    env = {"LLMG_DATA_DIR": str(tmp_path / "data")}
    for email, password in (("nobody", PASSWORD), ("a@example.com", "short")):
        done = run("bootstrap", "--email", email, "--password", password, env=env, cwd=tmp_path)
        assert done.returncode != 0 and len(done.stderr.strip().splitlines()) == 1
        assert "short" not in done.stdout + done.stderr or password != "short", "the password is echoed"


def there_run(there, *args):
    done = run(*args, env=there.env, cwd=there.folder)
    assert done.returncode == 0, done.stderr
    return done


def test_keys_made_and_revoked_from_the_shell_take_effect_within_a_second(llmg):
    there = llmg()
    made = there.new_key()
    assert there.chat(key=made["api_key"]).status == 200
    there.cli("keys", "revoke", made["id"])
    refused = eventually(lambda: (answer := there.chat(key=made["api_key"])).status == 401 and answer, 1)
    assert refused.error["code"] == "revoked_api_key"
    # A key that was refused before it was imported opens within a second too.
    foreign = "sk-taken-over-from-elsewhere-1234567890"
    assert there.chat(key=foreign).error["code"] == "invalid_api_key"
    there.new_key("--import", foreign)
    eventually(lambda: there.chat(key=foreign).status == 200, 1)
    rows = [json.loads(line) for line in there_run(there, "keys", "list").stdout.splitlines()]
    assert made["api_key"] not in str(rows) and foreign not in str(rows), "a key is shown again"
    assert {row["id"]: row["status"] for row in rows}[made["id"]] == "revoked"


def test_no_key_is_in_the_data_folder_or_the_log(llmg):
    there = llmg()
    key = there.new_key()["api_key"]
    there.chat(key=key)
    there.chat("Hello [[sim fault=status:500]]", key=key)
    there.stop()
    for secret in (key, there.api_key, there.management_key, PASSWORD):
        for file in [*there.data.rglob("*"), *there.folder.glob("llmg-*")]:
            assert not file.is_file() or secret.encode() not in file.read_bytes(), f"a secret is in {file.name}"


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_stopping_lets_an_open_stream_end(llmg, sims, sign):
    sim = sims("--gap-ms", "50")
    there = llmg(env=sim.env_for_llmg)

    async def through_the_stop():
        body = chat_body(stream=True, stream_options={"include_usage": True})
        talk = await wire.Conversation.open(
            there.url + "/v1/chat/completions", body, {"authorization": f"Bearer {there.api_key}"}
        )
        await talk.head()
        start = await talk.read_until(b"simulated")
        there.child.send_signal(sign)
        await asyncio.sleep(0.1)
        with pytest.raises(ConnectionError):
            await wire.Conversation.open(there.url + "/v1/models", b"")
        body = start
        while chunk := await talk.chunk():
            body += chunk
        talk.leave()
        return wire.Answer(200, talk.headers, body)

    answer = asyncio.run(through_the_stop())
    assert answer.done and answer.usage["completion_tokens"] == 24
    assert there.child.wait(10) == 0
    there.child = None
    there.start()
    row = there.call_of(answer)
    assert (row["outcome"], row["cancelled"], row["charged_nano_usd"]) == ("settled", False, answer.cost)
    there.reconcile()


def test_at_the_drain_limit_what_is_open_is_cut_and_billed(llmg, sims):
    sim = sims("--gap-ms", "100")
    there = llmg(env={**sim.env_for_llmg, "LLMG_DRAIN_TIMEOUT_MS": "300"})

    async def through_the_stop():
        body = chat_body("Go [[sim output_tokens=500]]", stream=True)
        talk = await wire.Conversation.open(
            there.url + "/v1/chat/completions", body, {"authorization": f"Bearer {there.api_key}"}
        )
        await talk.head()
        await talk.read_until(b"simulated")
        there.terminate()
        began = time.monotonic()
        code = await asyncio.to_thread(there.child.wait, 10)
        return code, time.monotonic() - began, talk.headers["x-llmg-request-id"]

    code, took, id = asyncio.run(through_the_stop())
    assert code == 0 and took < 3
    there.child = None
    there.start()
    [seen] = sim.ended(id)
    there.reconcile()
    [row] = there.calls()
    assert row["id"] == id and row["outcome"] == "settled" and 0 < row["tokens"]["output"] <= seen["output_tokens"]
