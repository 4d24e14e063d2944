"""Letters go to a real mail server: off the path of requests, after a restart too, and nobody learns who has an account."""

import email
import email.policy
import re
import socket

import pytest
from aiosmtpd.controller import Controller

from lib import wire
from lib.process import eventually

PASSWORD = "correct horse battery"


class Mailbox:
    """Keeps what it takes; refuses what the test says."""

    def __init__(self):
        self.letters, self.refusal = [], None

    async def handle_DATA(self, server, session, envelope):
        if self.refusal:
            return self.refusal
        self.letters.append((envelope.rcpt_tos[0], email.message_from_bytes(envelope.content, policy=email.policy.default)))
        return "250 OK"

    def to(self, address):
        return [letter for to, letter in self.letters if to == address]


class Server:
    def __init__(self, port=0):
        self.box = Mailbox()
        self.controller = Controller(self.box, hostname="127.0.0.1", port=port)

    def start(self):
        # aiosmtpd connects to the port it was told; the kernel's choice must be known before.
        if self.controller.port == 0:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.controller.port = free.getsockname()[1]
        self.controller.start()
        return self

    @property
    def env(self):
        return {"LLMG_SMTP_URL": f"smtp://127.0.0.1:{self.controller.port}", "LLMG_MAIL_FROM": "llmg <no-reply@example.com>"}


@pytest.fixture
def smtp():
    server = Server().start()
    yield server
    if server.controller.loop.is_running():
        server.controller.stop()


def post(instance, path, body, cookie=None):
    headers = {"origin": instance.url, **({"cookie": cookie} if cookie else {})}
    return wire.call("POST", instance.url + "/api/v1/auth" + path, body, headers)


def token_of(letter, page):
    return re.search(rf"/{page}#([\w-]+)", letter.get_content()).group(1)


def test_an_account_a_reset_and_nothing_for_strangers(llmg, smtp):
    instance = llmg(fresh=True, env=smtp.env)
    first = post(instance, "/sign-up", {"email": "ada@example.com", "password": PASSWORD})
    assert first.status == 201 and first.json["user"]["must_verify_email"]
    letter = eventually(lambda: smtp.box.to("ada@example.com"))[0]
    assert letter["from"] == "llmg <no-reply@example.com>" and letter["message-id"].startswith("<mail_")
    assert post(instance, "/email/verify", {"token": token_of(letter, "verify-email")}).status == 204

    asked = [post(instance, "/sign-up", {"email": who, "password": PASSWORD}) for who in ("ada@example.com", "bob@example.com")]
    assert [answer.status for answer in asked] == [202, 202] and asked[0].body == asked[1].body
    known = eventually(lambda: smtp.box.to("ada@example.com")[1:])[0]
    assert "one already" in known.get_content()
    letter = eventually(lambda: smtp.box.to("bob@example.com"))[0]
    confirm = {"token": token_of(letter, "confirm-sign-up"), "password": PASSWORD}
    assert post(instance, "/sign-up/confirm", confirm).status == 201

    asked = [post(instance, "/password/forgot", {"email": who}) for who in ("bob@example.com", "nobody@example.com")]
    assert [answer.status for answer in asked] == [202, 202] and asked[0].body == asked[1].body
    letter = eventually(lambda: smtp.box.to("bob@example.com")[1:])[0]
    token = token_of(letter, "reset-password")
    assert smtp.box.to("nobody@example.com") == []
    assert post(instance, "/password/reset", {"token": token, "new_password": PASSWORD + " two"}).status == 204
    assert post(instance, "/log-in", {"email": "bob@example.com", "password": PASSWORD + " two"}).status == 200
    again = {"token": token, "new_password": PASSWORD + " three"}
    assert post(instance, "/password/reset", again).status == 404, "a token works once"


def test_letters_wait_for_the_server_and_survive_a_restart(llmg, smtp):
    env = smtp.env
    smtp.controller.stop()
    instance = llmg(fresh=True, env=env)
    assert post(instance, "/sign-up", {"email": "ada@example.com", "password": PASSWORD}).status == 201
    answer = post(instance, "/log-in", {"email": "ada@example.com", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].split(";")[0]

    def outbox():
        headers = {"cookie": cookie}
        return wire.call("GET", instance.url + "/api/v1/operator/outbox", None, headers).json["data"]

    row = eventually(lambda: [row for row in outbox() if row["error"]])[0]
    assert row["status"] == "waiting" and "verify-email#(not shown)" in row["body"]
    instance.stop()
    again = Server(smtp.controller.port).start()
    try:
        instance.start()
        letter = eventually(lambda: again.box.to("ada@example.com"), 40)[0]
        assert token_of(letter, "verify-email")
        row = eventually(lambda: [row for row in outbox() if row["status"] == "sent"])[0]
        assert row["body"] == "", "a letter that was sent stays in the store"
    finally:
        again.controller.stop()


def test_a_letter_that_no_server_takes_fails_and_says_why(llmg, smtp):
    smtp.box.refusal = "550 no such mailbox here"
    instance = llmg(fresh=True, env=smtp.env)
    assert post(instance, "/sign-up", {"email": "ada@example.com", "password": PASSWORD}).status == 201
    answer = post(instance, "/log-in", {"email": "ada@example.com", "password": PASSWORD})
    headers = {"cookie": answer.headers["set-cookie"].split(";")[0]}

    def failed():
        rows = wire.call("GET", instance.url + "/api/v1/operator/outbox", None, headers).json["data"]
        return [row for row in rows if row["status"] == "failed"]

    assert "no such mailbox" in eventually(failed)[0]["error"]
