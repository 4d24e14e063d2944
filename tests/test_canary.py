"""A secret, wherever it was placed and whatever failed with it, is in no log, event, database column, error or answer in clear."""

import base64
import http.server
import json
import pathlib
import threading
import urllib.parse

import pytest

from lib import wire
from lib.instance import PASSWORD, chat_body

DOCUMENT = pathlib.Path(__file__).resolve().parents[1] / "crates" / "control" / "openapi.json"
PROVIDER_KEY = "sk-canary-q7Wd03kXzP55uLmN8rTv"
NEW_PASSWORD = "canary horse 8861 staple"
LAST_PASSWORD = "canary horse 8862 staple"
#: Secrets that are no longer good, or none at all: people mistype them into every place.
STRAY = "canary-stray-5hJ2kQ9sVbN4"


class Parrot(http.server.BaseHTTPRequestHandler):
    """A provider that refuses, and quotes all that it was sent."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """A key that is saved is tried on the list of models first."""
        self.say(200, {"object": "list", "data": [], "quoted": str(self.headers)})

    def do_POST(self):
        sent = self.rfile.read(int(self.headers["content-length"])).decode()
        status = next((code for code in (400, 401, 429) if f"status {code}" in sent), 500)
        self.say(status, {"error": {"message": f"{self.headers} {sent}", "type": "quoted"}})

    def say(self, status, document):
        body = json.dumps(document)
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def parrot():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Parrot)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


def spellings(secret):
    """As it is, in hexadecimal, for an address, and in base64 at each of the three places where it can begin."""
    raw = secret.encode()
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield urllib.parse.quote(secret, safe="").encode()
    yield urllib.parse.quote_plus(secret).encode()
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw + b"\0\0")
        # What depends on the bytes beside it is left out.
        inner = whole[4 if shift else 0 : (shift + len(raw)) // 3 * 4]
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")


def found(secrets, place, data):
    for name, secret in secrets.items():
        for spelled in spellings(secret):
            at = data.find(spelled)
            assert at < 0, f"{name} is in {place}: …{data[max(0, at - 150) : at + 20]!r}"


class Person:
    """Who owns the instance, with a browser."""

    def __init__(self, there):
        self.there, self.cookie = there, None

    def ask(self, method, path, body=None, **headers):
        cookie = {"cookie": self.cookie} if self.cookie else {}
        return wire.call(method, self.there.url + path, body, {"origin": self.there.url, **cookie, **headers})

    def did(self, method, path, body=None):
        answer = self.ask(method, path, body)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.text}"
        if "set-cookie" in answer.headers:
            self.cookie = answer.headers["set-cookie"].split(";")[0]
        return answer.json if answer.body else None

    def log_in(self, password):
        self.cookie = None
        self.did("POST", "/api/v1/auth/log-in", {"email": "a@example.com", "password": password})


def placed(there, parrot):
    """Secrets of each kind, in use."""
    person = Person(there)
    person.log_in(PASSWORD)
    person.did("POST", "/api/v1/auth/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD})
    person.log_in(NEW_PASSWORD)
    first_session = person.cookie.split("=", 1)[1]
    person.log_in(NEW_PASSWORD)
    management = person.did("POST", "/api/v1/management-keys", {"name": "canary"})
    provider = {"provider": "openai", "name": "canary", "key": PROVIDER_KEY, "base_url": parrot}
    person.did("POST", "/api/v1/provider-keys", provider)
    person.did("PATCH", f"/api/v1/projects/{there.project_id}", {"mode": "hybrid"})
    secrets = {
        "the provider key": PROVIDER_KEY,
        "the password": NEW_PASSWORD,
        "a stray secret": STRAY,
        "an older session": first_session,
        "the session": person.cookie.split("=", 1)[1],
        "the API key": there.new_key()["api_key"],
        "the management key": management["key"],
    }
    return person, secrets


def fail_in_every_way(there, person, secrets):
    """Calls and requests that are refused, with each secret where it belongs and where it does not; their errors."""
    errors = []
    for name, secret in secrets.items():
        bearer = {"authorization": f"Bearer {secret}"}
        quoted = urllib.parse.quote(secret, safe="")
        for status in (400, 401, 429, 500):
            body = chat_body(f"status {status}", model="openai/gpt-4o-mini", max_tokens=10)
            errors.append((name, wire.call("POST", there.url + "/v1/chat/completions", body, bearer)))
        errors.append((name, wire.call("GET", there.url + "/api/v1/usage", None, bearer)))
        errors.append((name, wire.call("GET", there.url + "/api/v1/calls/req_0", None, bearer)))
        errors.append((name, wire.call("POST", there.url + "/api/v1/api-keys", b"{", bearer)))
        errors.append((name, wire.call("GET", there.url + "/api/v1/calls", None, {"cookie": f"llmg_session={quoted}"})))
        log_in = {"email": "a@example.com", "password": secret + "?"}
        errors.append((name, person.ask("POST", "/api/v1/auth/log-in", log_in)))
        # What quotes the client to itself alone is no leak; it must be in no log nevertheless.
        for path in (f"/v1/models/{quoted}", f"/v1/{quoted}", f"/api/v1/{quoted}", f"/api/v1/calls/{quoted}", f"/{quoted}"):
            wire.call("GET", there.url + path, None, bearer)
        for path in (f"/api/v1/calls?cursor={quoted}", f"/api/v1/calls?{quoted}=1", f"/api/v1/usage?bucket={quoted}", f"/v1/models?key={quoted}"):
            person.ask("GET", path)
        for body in ({secret: 1}, {"name": secret * 20}, {"name": "k", "models": [secret]}, {"name": "k", "rules": {secret: 1}}, [secret]):
            person.ask("POST", "/api/v1/api-keys", body)
        person.ask("POST", "/api/v1/provider-keys", {"provider": secret, "name": "x", "key": secret})
        person.ask("POST", "/api/v1/provider-keys/test", {"provider": "openai", "key": secret, "base_url": f"http://{STRAY}.invalid"})
        for kind in ("invites/accept", "password/reset", "email/verify"):
            person.ask("POST", f"/api/v1/auth/{kind}", {"token": secret, "new_password": secret})
        for header in ("idempotency-key", "x-llmg-organization"):
            person.ask("POST", "/api/v1/api-keys", {"name": ""}, **{header: secret})
        # A call's model, user and tags are kept as they were sent, so none of the secrets is one.
        there.post({**chat_body(), secret: 1, "temperature": secret})
    return errors


def read_everything(there, person):
    """What each list and page of the API answers, to a browser and to a management key."""
    paths = json.loads(DOCUMENT.read_text())["paths"]
    for path in (path for path, methods in paths.items() if "get" in methods and "{" not in path):
        for headers in ({"cookie": person.cookie, "origin": there.url}, {"authorization": f"Bearer {there.management_key}"}):
            answer = wire.call("GET", there.url + path, None, headers)
            assert answer.status < 500, f"{path}: {answer.text}"
            yield path, answer.body
    for call in there.calls():
        yield call["id"], json.dumps(there.api("GET", f"/api/v1/calls/{call['id']}")).encode()
    yield "/metrics", wire.call("GET", there.url + "/metrics").body


def test_a_secret_is_nowhere_in_clear(llmg, sim, parrot):
    loud = "debug,gateway=trace,control=trace,store=trace,metering=trace,events=trace,llm=trace,outbound=trace"
    there = llmg(env={**sim.env_for_llmg, "LLMG_LOG": loud, "LLMG_ALLOW_PRIVATE_UPSTREAMS": "true"})
    person, secrets = placed(there, parrot)
    assert there.chat(key=secrets["the API key"]).status == 200
    for name, answer in fail_in_every_way(there, person, secrets):
        found(secrets, "an error", answer.body + json.dumps(answer.headers).encode())
    person.log_in(NEW_PASSWORD)
    person.did("POST", "/api/v1/auth/password", {"current_password": NEW_PASSWORD, "new_password": LAST_PASSWORD})
    secrets |= {"the last password": LAST_PASSWORD, "the last session": person.cookie.split("=", 1)[1]}
    answers = list(read_everything(there, person))
    for path, body in answers:
        found(secrets, path, body)
    there.stop()
    files = [file for file in there.folder.rglob("*") if file.is_file()]
    names = {file.name for file in files}
    assert {"llmg.db", "analytics.db"} <= names and any(file.parent.name == "events" or "events" in file.parts for file in files)
    for file in files:
        found(secrets, file.relative_to(there.folder), file.read_bytes())
    print(f"canaries: {len(secrets)} secrets, {len(answers)} answers, {len(files)} files")
