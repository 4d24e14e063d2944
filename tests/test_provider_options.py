"""Options of own provider keys: where calls go on Azure, Vertex AI and Bedrock, with what they are opened, and what keys are kept to.

The providers are servers of this test. Signatures are checked with botocore, assertions with `cryptography`: neither is ours.
"""

import base64
import hashlib
import http.server
import json
import threading
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from lib.process import eventually

KEYS = "/api/v1/provider-keys"
KEY = "sk-canary-a8Zq41mWnE77tRk0PfLx"
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "canary/wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SESSION_TOKEN = "canary-session-token=="
OPENAI = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}
GEMINI = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
}


class Provider(http.server.BaseHTTPRequestHandler):
    """Answers in the dialect of the path, gives out tokens, and notes everything."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.noted(b"")
        self.answer({"object": "list", "data": []})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.noted(body)
        if self.server.status != 200 and self.path != "/token":
            return self.answer({"error": {"message": "no"}}, self.server.status)
        if self.path == "/token":
            time.sleep(0.2)
            if self.server.refuses_accounts:
                return self.answer({"error": "invalid_grant"}, 400)
            count = sum(asked.path == "/token" for asked in self.server.asked)
            return self.answer({"access_token": f"ya29.canary-{count}", "expires_in": self.server.expires_in, "token_type": "Bearer"})
        self.answer(GEMINI if "generateContent" in self.path else OPENAI)

    def noted(self, body):
        self.server.asked.append(Asked(self.command, self.path, dict(self.headers), body))

    def answer(self, body, status=200):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Asked:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.body = method, path, body
        self.headers = {name.lower(): value for name, value in headers.items()}

    @property
    def json(self):
        return json.loads(self.body)


@pytest.fixture
def provider():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    server.asked, server.status, server.refuses_accounts, server.expires_in = [], 200, False, 3600
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def there(llmg):
    instance = llmg(usd=0)
    instance.api("PATCH", f"/api/v1/projects/{instance.project_id}", {"mode": "api-keys"})
    return instance


def save(there, server, **fields):
    """A key that was tested when it was saved."""
    body = {"name": "k", "base_url": server.url, **fields}
    if "key" not in body and "credentials" not in body:
        body["key"] = KEY
    saved = there.api("POST", KEYS, body)
    assert server.asked, "it was saved without a test"
    return saved


def call(there, provider, model, **fields):
    """What reached the provider of a call that went well."""
    provider.asked.clear()
    answer = there.chat("Hello there", model=model, max_tokens=20, **fields)
    assert answer.status == 200, answer.text
    return answer, provider.asked[-1]


def exchanged(there, server, old, **fields):
    """Deletes a key and saves another; returns once the gateway, which follows the store, opens calls with the new one only."""
    there.api("DELETE", f"{KEYS}/{old['id']}")
    model = fields.pop("model")
    eventually(lambda: there.chat("Hello", model=model, max_tokens=20).status == 400, 5)
    server.asked.clear()
    saved = save(there, server, **fields)
    tested = server.asked[0]
    eventually(lambda: there.chat("Hello", model=model, max_tokens=20).status == 200, 5)
    return saved, tested


def test_azure_is_called_at_its_deployments(there, provider):
    options = {"kind": "azure", "deployments": {"gpt-4o": "my-gpt"}}
    dated = {**options, "api_version": "2024-10-21"}
    saved = save(there, provider, provider="azure", options=dated)
    path = "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"
    azure_is_called(there, provider, provider.asked[0], "/openai/models?api-version=2024-10-21", path)
    _, tested = exchanged(there, provider, saved, model="azure/gpt-4o", provider="azure", options=options)
    azure_is_called(there, provider, tested, "/openai/v1/models", "/openai/v1/chat/completions")


def azure_is_called(there, provider, tested, models_path, path):
    assert (tested.path, tested.headers["api-key"]) == (models_path, KEY)
    answer, asked = call(there, provider, "azure/gpt-4o")
    assert (asked.path, asked.headers["api-key"], asked.json["model"]) == (path, KEY, "my-gpt")
    assert "authorization" not in asked.headers
    row = there.call_of(answer)
    assert (row["provider"], row["charged_nano_usd"]) == ("azure", 0) and row["cost_nano_usd"] > 0


def test_openai_is_told_the_organization_and_the_project(there, provider):
    options = {"kind": "openai", "organization": "org-1", "project": "proj_1"}
    save(there, provider, provider="openai", options=options)
    assert provider.asked[0].headers["openai-organization"] == "org-1"
    _, asked = call(there, provider, "openai/gpt-4o")
    assert (asked.headers["openai-organization"], asked.headers["openai-project"]) == ("org-1", "proj_1")


def signed_rightly(asked, provider, service, region):
    """Whether botocore makes the same signature of what arrived. It takes the digest of the body from the header, so that is compared too."""
    headers = asked.headers
    algorithm, fields = headers["authorization"].split(" ", 1)
    fields = dict(field.strip().split("=", 1) for field in fields.split(","))
    assert algorithm == "AWS4-HMAC-SHA256"
    assert fields["Credential"] == f"{ACCESS_KEY}/{headers['x-amz-date'][:8]}/{region}/{service}/aws4_request"
    signed = fields["SignedHeaders"].split(";")
    assert {"host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"} <= set(signed)
    request = botocore.awsrequest.AWSRequest(
        method=asked.method, url=provider.url + asked.path, data=asked.body, headers={name: headers[name] for name in signed}
    )
    request.context["timestamp"] = headers["x-amz-date"]
    auth = botocore.auth.SigV4Auth(botocore.credentials.Credentials(ACCESS_KEY, SECRET_KEY, SESSION_TOKEN), service, region)
    canonical = auth.canonical_request(request)
    wanted = auth.signature(auth.string_to_sign(request, canonical), request)
    return fields["Signature"] == wanted and headers["x-amz-content-sha256"] == hashlib.sha256(asked.body).hexdigest()


@pytest.mark.parametrize("id, service", [("aws-bedrock", "bedrock"), ("aws-bedrock-mantle", "bedrock-mantle")])
def test_bedrock_takes_a_signature_or_an_api_key(there, provider, id, service):
    model = {"aws-bedrock": "openai.gpt-oss-120b-1:0", "aws-bedrock-mantle": "openai.gpt-oss-120b"}[id]
    aws = {"kind": "aws", "access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY, "session_token": SESSION_TOKEN}
    saved = save(there, provider, provider=id, region="eu-west-1", credentials=aws)
    assert signed_rightly(provider.asked[0], provider, service, "eu-west-1")
    _, asked = call(there, provider, f"{id}/{model}")
    assert (asked.path, asked.json["model"]) == ("/chat/completions", model)
    assert signed_rightly(asked, provider, service, "eu-west-1")
    asked.body = asked.body.replace(b"Hello", b"HELLO")
    assert not signed_rightly(asked, provider, service, "eu-west-1"), "the check itself can fail"
    exchanged(there, provider, saved, model=f"{id}/{model}", provider=id, region="eu-west-1")
    _, asked = call(there, provider, f"{id}/{model}")
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    if id == "aws-bedrock":
        refused = there.chat("Hello", model="aws-bedrock/claude-opus-4-5-20251101", max_tokens=20)
        assert (refused.status, refused.error["code"]) == (400, "provider_not_configured")
        assert "Converse" in refused.error["message"]


@pytest.fixture(scope="module")
def account():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.public_key(), pem.decode()


def vertex(there, provider, pem):
    file = {
        "type": "service_account",
        "project_id": "ignored",
        "client_email": "llm@my-project.iam.gserviceaccount.com",
        "private_key_id": "key-1",
        "private_key": pem,
        "token_uri": provider.url + "/token",
    }
    credentials = {"kind": "service_account", "json": json.dumps(file)}
    options = {"kind": "vertex", "project": "my-project"}
    return save(there, provider, provider="google-vertex", region="europe-west4", credentials=credentials, options=options)


def claims(asked, public):
    """Of an assertion whose signature is right."""
    form = urllib.parse.parse_qs(asked.body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    signed, _, signature = form["assertion"][0].rpartition(".")
    decode = lambda part: base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    public.verify(decode(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    head, body = (json.loads(decode(part)) for part in signed.split("."))
    assert (head["alg"], head["kid"]) == ("RS256", "key-1")
    return body


def test_vertex_is_opened_by_a_token_that_is_fetched_once(there, provider, account):
    public, pem = account
    vertex(there, provider, pem)
    assert provider.asked[0].path == "/token" and provider.asked[1].path.endswith("gemini-2.5-flash:countTokens")
    provider.asked.clear()
    threads = [threading.Thread(target=lambda: there.chat("Hello", model="google-vertex/gemini-2.5-pro", max_tokens=20)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tokens = [asked for asked in provider.asked if asked.path == "/token"]
    calls = [asked for asked in provider.asked if asked.path != "/token"]
    assert (len(tokens), len(calls)) == (1, 8), "one exchange for calls at once"
    said = claims(tokens[0], public)
    assert said["iss"] == "llm@my-project.iam.gserviceaccount.com" and said["aud"] == provider.url + "/token"
    assert said["exp"] - said["iat"] == 3600 and abs(said["iat"] - time.time()) < 60 and "cloud-platform" in said["scope"]
    root = "/v1/projects/my-project/locations/europe-west4"
    assert {asked.path for asked in calls} == {f"{root}/publishers/google/models/gemini-2.5-pro:generateContent"}
    assert {asked.headers["authorization"] for asked in calls} == {"Bearer ya29.canary-1"}
    _, asked = call(there, provider, "google-vertex/meta/llama-4-scout-17b-16e-instruct-maas")
    assert asked.path == f"{root}/endpoints/openapi/chat/completions" and asked.json["model"] == "meta/llama-4-scout-17b-16e-instruct-maas"
    assert asked.headers["authorization"] == "Bearer ya29.canary-1", "the same token opens both"


def test_a_token_is_replaced_before_its_end_and_a_refused_account_is_told(there, provider, account):
    provider.expires_in = 120
    saved = vertex(there, provider, account[1])
    for count in (1, 2, 3):
        call(there, provider, "google-vertex/gemini-2.5-pro")
        assert [asked.path for asked in provider.asked].count("/token") == 1, count
    provider.refuses_accounts, provider.expires_in = True, 3600
    answer, asked = call(there, provider, "google-vertex/gemini-2.5-pro")
    assert asked.headers["authorization"].startswith("Bearer ya29."), "the old token still opens"
    refused = there.api("POST", KEYS + "/test", {"id": saved["id"]})
    assert refused["verdict"] == "refused"


def listed(there, id):
    return next(row for row in there.api("GET", KEYS)["data"] if row["id"] == id)


def test_a_key_is_used_for_its_models_only(there, provider):
    saved = save(there, provider, provider="openai", allowed_models=["gpt-4o-mini"])
    call(there, provider, "gpt-4o-mini")
    refused = there.chat("Hello", model="openai/gpt-4o", max_tokens=20)
    assert (refused.status, refused.error["code"]) == (400, "provider_not_configured")
    assert saved["id"] in refused.error["message"] and "allowed_models" in refused.error["message"]
    there.api("PATCH", f"{KEYS}/{saved['id']}", {"allowed_models": None})
    eventually(lambda: there.chat("Hello", model="openai/gpt-4o", max_tokens=20).status == 200, 2)


def test_a_spend_cap_ends_the_use_of_a_key(there, provider):
    saved = save(there, provider, provider="openai")
    answer, _ = call(there, provider, "openai/gpt-4o")
    cost = there.call_of(answer)["cost_nano_usd"]
    eventually(lambda: listed(there, saved["id"])["spent_total_nano_usd"] == cost, 5)
    capped = {"spend_cap_nano_usd": 3 * cost, "spend_window": "month", "allowed_models": ["gpt-4o"]}
    there.api("PATCH", f"{KEYS}/{saved['id']}", capped)
    # The gateway has the cap when it has the models that came with it; calls that the provider refuses cost nothing meanwhile.
    provider.status = 400
    refusal = lambda: there.chat("Hello", model="openai/gpt-4o-mini", max_tokens=20).error["code"]
    eventually(lambda: refusal() == "provider_not_configured", 5)
    provider.status = 200
    statuses = [there.chat("Hello there", model="openai/gpt-4o", max_tokens=20) for _ in range(4)]
    assert [answer.status for answer in statuses] == [200, 200, 402, 402]
    assert statuses[2].error["code"] == "budget_exceeded" and saved["id"] in statuses[2].error["message"]
    eventually(lambda: listed(there, saved["id"])["spent_month_nano_usd"] == 3 * cost, 5)


def test_calls_tell_how_a_key_does(there, provider):
    saved = save(there, provider, provider="openai")
    assert listed(there, saved["id"])["health"] == "healthy"
    provider.status = 401
    assert there.chat("Hello", model="openai/gpt-4o", max_tokens=20).status == 502
    row = eventually(lambda: (row := listed(there, saved["id"]))["last_error"] and row, 6)
    assert (row["last_error"], row["health"]) == ("upstream_authentication", "cooling_down") and row["last_used_at"]
    eventually(lambda: listed(there, saved["id"])["health"] == "failing", 8)
    provider.status = 200
    call(there, provider, "openai/gpt-4o")
    row = eventually(lambda: (row := listed(there, saved["id"]))["health"] == "healthy" and row, 6)
    assert row["last_error"] is None


def test_no_secret_of_a_key_is_in_clear_anywhere(llmg, provider, account):
    """The scanner is given a planted word first, so that it is known to find one."""
    there = llmg(usd=0, env={"LLMG_LOG": "trace,h2=info,hyper=info,hyper_util=info,rustls=info,sqlx=info"})
    there.api("PATCH", f"/api/v1/projects/{there.project_id}", {"mode": "api-keys"})
    aws = {"kind": "aws", "access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY, "session_token": SESSION_TOKEN}
    save(there, provider, provider="openai")
    save(there, provider, provider="aws-bedrock", region="eu-west-1", credentials=aws)
    vertex(there, provider, account[1])
    words = [there.chat("planted-4711", model=model, max_tokens=20).text for model in ("gpt-4o", "aws-bedrock/openai.gpt-oss-120b-1:0", "google-vertex/gemini-2.5-pro")]
    provider.status = 401
    words += [there.chat("Hello", model=model, max_tokens=20).text for model in ("openai/gpt-4o", "google-vertex/gemini-2.5-pro")]
    words += [json.dumps(there.api("GET", path)) for path in (KEYS, "/api/v1/audit", "/api/v1/calls")]
    there.stop()
    planted = there.data / "planted"
    planted.write_text(f"x{KEY}x")
    private = account[1].splitlines()[5]
    secrets = [KEY, SECRET_KEY, SESSION_TOKEN, "ya29.canary", private, there.api_key, there.management_key]
    assert found(there, secrets, words) == {(str(planted), KEY)}
    planted.unlink()
    assert found(there, secrets, words) == set()


def found(there, secrets, words):
    files = [path for path in there.folder.rglob("*") if path.is_file()]
    assert any(path.name == "llmg.db" for path in files) and any(path.suffix == ".err" for path in files)
    texts = [(str(path), path.read_bytes()) for path in files] + [("an answer", word.encode()) for word in words]
    return {(where, secret) for where, text in texts for secret in secrets if secret.encode() in text}
