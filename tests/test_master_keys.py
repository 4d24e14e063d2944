"""The master keys: rotated while calls go on, lost and found again, and wrapped by a key management service."""

import contextlib
import re
import sqlite3
import threading
import time

import pytest

from lib import wire
from lib.instance import Llmg
from lib.process import eventually, run
from lib.vault import TOKEN, vault

OWN_KEY = "sk-own-0123456789-7f3a"
#: A running process has a changed file within this time.
FOLLOWED_S = 3


def with_own_key(there, sim):
    """Calls are paid by an own key only, so that each of them needs what the master key seals."""
    body = {"provider": "sim", "name": "own", "key": OWN_KEY, "base_url": sim.url + "/v1"}
    there.provider_key = there.api("POST", "/api/v1/provider-keys", body)["id"]
    there.api("PATCH", f"/api/v1/projects/{there.project_id}", {"mode": "api-keys"})
    return there


def read_again(there):
    """The gateway opens the key anew, as it does after any change of it."""
    weight = time.monotonic_ns() % 1000 + 1
    there.api("PATCH", f"/api/v1/provider-keys/{there.provider_key}", {"weight": weight})


def lines(there):
    return (there.data / "master.key").read_text().split()


def status(there):
    return {key["id"]: key for key in there.cli("keys", "status")["master_keys"]}


@contextlib.contextmanager
def load(there):
    """Calls from four clients and changes that make the gateway open the key anew; what was answered to each."""
    answers, over = [], threading.Event()

    def call():
        while not over.is_set():
            answers.append(there.chat().status)

    def change():
        while not over.is_set():
            read_again(there)
            over.wait(0.05)

    threads = [threading.Thread(target=act) for act in [call, call, call, call, change]]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join(30)


def test_the_master_key_is_rotated_under_load(llmg, sim):
    there = with_own_key(llmg(usd=0), sim)
    (old,) = status(there)
    with load(there) as answers:
        eventually(lambda: len(answers) > 20, 20)
        done = there.cli("keys", "rewrap", "--new-key")
        calls_meanwhile = len(answers)
        new, (new_line, old_line) = done["master_key"], lines(there)
        assert (done["sealed_anew"], done["left"], new != old) == (1, 0, True)
        # The old key goes while calls go on, too.
        (there.data / "master.key").write_text(new_line + "\n")
        time.sleep(FOLLOWED_S)
        after = len(answers)
        eventually(lambda: len(answers) > after + 20, 20)
    assert set(answers) == {200}
    assert calls_meanwhile > 40
    assert status(there) == {new: {"id": new, "here": True, "seals": True, "data_keys": 1}}
    there.stop()
    there.start()
    assert there.chat().status == 200
    # The old key opens nothing any more.
    (there.data / "master.key").write_text(old_line + "\n")
    refused = run("keys", "rewrap", env=there.env, cwd=there.folder)
    assert refused.returncode == 1 and '"left":1' in refused.stdout
    (there.data / "master.key").write_text(new_line + "\n")


def test_a_lost_master_key_is_our_fault_and_heals_when_it_is_back(llmg, sim):
    there = with_own_key(llmg(usd=0), sim)
    assert there.chat().status == 200
    (right,) = lines(there)
    (there.data / "master.key").write_text("ab" * 32 + "\n")
    read = r"the master keys were read again"
    eventually(lambda: len(re.findall(read, there.err.read_text())) == 1, FOLLOWED_S)
    eventually(lambda: there.chat(f"lost {time.monotonic_ns()}").status >= 500, FOLLOWED_S)
    lost = run("keys", "status", env=there.env, cwd=there.folder)
    assert lost.returncode == 1 and '"here":false' in lost.stdout
    # A file that is no ring changes nothing.
    (there.data / "master.key").write_text("nonsense\n")
    eventually(lambda: "the master keys are refused" in there.err.read_text(), FOLLOWED_S)
    (there.data / "master.key").write_text("# both\n" + "ab" * 32 + "\n" + right + "\n")
    eventually(lambda: there.chat().status == 200, FOLLOWED_S)
    assert there.cli("keys", "rewrap")["sealed_anew"] == 1
    assert right not in there.err.read_text()


def test_data_keys_of_before_there_were_ids_are_taken_along(llmg, sim):
    there = with_own_key(llmg(usd=0), sim)
    with contextlib.closing(sqlite3.connect(there.data / "llmg.db", timeout=10)) as store, store:
        store.execute("UPDATE data_key SET master_key = NULL")
    read_again(there)
    time.sleep(1)
    assert there.chat().status == 200
    assert status(there)[None]["data_keys"] == 1
    assert there.cli("keys", "rewrap")["sealed_anew"] == 1
    assert None not in status(there)


@pytest.fixture
def kms():
    with vault() as running:
        yield running


@pytest.fixture
def wrapped(tmp_path, kms, sim):
    """An instance whose master keys are wrapped from its first start on."""
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    there = Llmg(tmp_path, None, {"LLMG_KMS_URL": kms.url, "LLMG_KMS_TOKEN_FILE": str(token)})
    there.token = token
    words = ["--email", "a@example.com", "--password", "correct horse battery", "--credits-usd", "0", "--json"]
    there.__dict__.update(there.cli("bootstrap", *words))
    there.start()
    yield with_own_key(there, sim)
    there.stop()


def test_master_keys_are_wrapped_by_a_key_management_service(wrapped, kms):
    assert kms.done["encrypt"] == 1
    assert wrapped.chat().status == 200
    assert all(line.startswith("vault:v1:") for line in lines(wrapped))
    with load(wrapped) as answers:
        eventually(lambda: len(answers) > 20, 20)
        assert wrapped.cli("keys", "rewrap", "--new-key")["sealed_anew"] == 1
    assert set(answers) == {200}
    assert [line[:9] for line in lines(wrapped)] == ["vault:v1:"] * 2
    # It is asked when keys change, never for a call.
    asked = dict(kms.done)
    kms.away = True
    read_again(wrapped)
    time.sleep(1)
    assert {wrapped.chat().status for _ in range(20)} == {200}
    assert kms.done == asked
    log = wrapped.err.read_text()
    assert TOKEN not in log and OWN_KEY not in log


def test_without_its_key_management_service_nothing_starts(wrapped, kms):
    wrapped.stop()
    kms.away = True
    refused = run("up", env=wrapped.env, cwd=wrapped.folder)
    assert refused.returncode != 0 and "503" in refused.stderr and "key management service" in refused.stderr
    kms.away = False
    wrapped.token.write_text("hvs.another-token\n")
    refused = run("up", env=wrapped.env, cwd=wrapped.folder)
    assert refused.returncode != 0 and "403" in refused.stderr and "hvs." not in refused.stderr
    wrapped.token.write_text(TOKEN + "\n")
    wrapped.start()
    assert wrapped.chat().status == 200
    assert wire.call("GET", wrapped.url + "/readyz").status == 200
