"""The relational store on a real PostgreSQL server: the same product, and nothing lost when either side dies."""

import concurrent.futures
import json

import pytest

from lib import wire
from lib.instance import PASSWORD, Llmg, chat_body
from lib.postgres import Postgres
from lib.process import eventually, run


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.end()


@pytest.fixture
def there(request, postgres, tmp_path, sim):
    """A bootstrapped instance with $5, or with what the test says, on a database without anything of an earlier test."""
    postgres.empty()
    instance = Llmg(tmp_path, None, {**sim.env_for_llmg, "LLMG_DATABASE_URL": postgres.url})
    words = ["--email", "a@example.com", "--password", PASSWORD, "--credits-usd", getattr(request, "param", "5"), "--json"]
    done = run("bootstrap", *words, env=instance.env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    instance.__dict__.update(json.loads(done.stdout))
    yield instance.start()
    instance.stop()


def test_calls_are_paid_from_postgres_and_a_start_keeps_everything(there, postgres):
    answers = [there.chat(), there.chat(stream=True, stream_options={"include_usage": True})]
    spent = sum(answer.usage["cost_details"]["charged_nano_usd"] for answer in answers)
    eventually(lambda: there.cli("credits", "show")["spent_nano_usd"] == spent)
    assert postgres.query("SELECT sum(charged) FROM posting") == str(spent)
    assert postgres.query("SELECT sum(balance) FROM ledger_account") == "0"
    assert not list(there.data.glob("llmg.db*")), "a SQLite file was made all the same"
    there.restart()
    assert there.chat().status == 200
    eventually(lambda: len(there.calls()) == 3)
    assert there.reconcile()["reconciliation"]["ledger"]["calls"] == 3


@pytest.mark.parametrize("there", ["0.0008"], indirect=True)
def test_three_hundred_at_once_spend_the_last_unit_and_not_one_further(there):
    """Credit for fifty calls of two tokens in and seven out, whose hold is their bill."""
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        statuses = [a.status for a in pool.map(lambda _: there.chat(max_tokens=7), range(300))]
    assert statuses.count(200) == 50 and set(statuses) <= {200, 402, 429}
    eventually(lambda: there.cli("credits", "show")["balance_nano_usd"] == 0)
    there.reconcile()


def test_a_killed_instance_loses_no_call(there, sim):
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        calls = [pool.submit(_chat, there) for _ in range(300)]
        eventually(lambda: sum(call.done() for call in calls) > 50, 30)
        there.kill9()
        concurrent.futures.wait(calls)
    there.start()
    reached = {row["client_request_id"].rsplit("-", 1)[0] for row in sim.journal()}
    listed = eventually(lambda: (rows := there.calls()) and {row["id"] for row in rows} >= reached and rows, 10)
    assert len({row["id"] for row in listed}) == len(listed)
    proof = eventually(lambda: _reconciled(there), 10)
    assert proof["reconciliation"]["ledger"]["calls"] == len(listed)


def test_calls_go_on_while_the_server_is_away(there, postgres):
    """Known keys and leased credit need no database; what asks it gets a 503, and afterwards the books are whole."""
    assert there.chat().status == 200
    postgres.stop()
    try:
        answers = [there.chat() for _ in range(20)]
        refused = [answer.error["code"] for answer in answers if answer.status != 200]
        assert answers[0].status == 200 and set(refused) <= {"credits_unavailable"}
        key = {"authorization": f"Bearer {there.management_key}"}
        assert wire.call("GET", there.url + "/api/v1/credits", headers=key).status == 503
        unknown = there.post(chat_body(), "sk-a-key-that-nobody-has-seen-here-yet")
        assert unknown.status == 503 and unknown.error["code"] == "directory_unavailable"
    finally:
        postgres.start()
    eventually(lambda: there.chat().status == 200, 10)
    eventually(lambda: _reconciled(there), 15)


def test_starts_at_once_make_one_schema(postgres, tmp_path):
    postgres.empty()

    def migrate(n):
        env = {"LLMG_DATA_DIR": str(tmp_path / f"data{n}"), "LLMG_DATABASE_URL": postgres.url}
        return run("db", "migrate", env=env, cwd=tmp_path)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = list(pool.map(migrate, range(4)))
    assert [d.returncode for d in done] == [0] * 4, [d.stderr for d in done]
    assert postgres.query("SELECT count(*) = count(DISTINCT version) FROM _sqlx_migrations") == "t"


def _chat(there):
    try:
        return there.chat().status
    except OSError:
        return None


def _reconciled(there):
    done = run("reconcile", "--json", env=there.env, cwd=there.folder)
    proof = json.loads(done.stdout) if done.stdout.startswith("{") else None
    return proof if done.returncode == 0 and proof["exact"] and proof["ledger_balanced"] else None
