"""Requests that are wrong: a status, a stable code and the field, in the caller's dialect; never a hang, never a 5xx."""

import contextlib
import json
import socket
import time
import urllib.parse

import openai
import pytest

from lib import wire
from lib.instance import chat_body
from lib.process import eventually

MESSAGES = [{"role": "user", "content": "Hello"}]
CHAT, ANTHROPIC, GEMINI = "/v1/chat/completions", "/v1/messages", "/v1beta/models/sim:generateContent"


def refused(answer, status, code, param=None):
    """An error in OpenAI's envelope."""
    assert answer.status == status, f"{answer.status}: {answer.body[:500]}"
    assert answer.headers["content-type"] == "application/json"
    error = answer.error
    assert error["code"] == code and error["message"] and error["type"] and error["param"] == param, error
    assert error["request_id"] == answer.headers["x-llmg-request-id"]
    return error


# Keys.


def with_key(there, headers, path=CHAT, body=None):
    return wire.call("POST", there.url + path, body or chat_body(), headers)


def changed(key):
    """A key with one wrong letter."""
    return key[:-1] + ("a" if key[-1] != "a" else "b")


def test_keys_that_do_not_open(shared):
    def bearer(key):
        return {"authorization": f"Bearer {key}"}

    refused(with_key(shared, {}), 401, "missing_api_key")
    for malformed in [
        "Bearer",
        "Bearer ",
        "Basic abc",
        "llmg_x",
        f"Bearer {changed(shared.api_key)}",
        "Bearer llmg_" + "x" * 5,
        f"Bearer {'k' * 600}",
    ]:
        refused(with_key(shared, {"authorization": malformed}), 401, "malformed_api_key")
    refused(with_key(shared, bearer("sk-somebody-elses-key")), 401, "invalid_api_key")
    refused(with_key(shared, bearer("' OR 1=1 --")), 401, "invalid_api_key")
    error = refused(with_key(shared, bearer(shared.management_key)), 401, "invalid_api_key")
    assert "management key" in error["message"]
    answer = with_key(shared, bearer(changed(shared.api_key)))
    assert changed(shared.api_key) not in answer.text, "the key is echoed"


def test_revoked_and_expired_keys(shared):
    made = shared.new_key()
    assert shared.chat(key=made["api_key"]).status == 200
    shared.api("DELETE", f"/api/v1/api-keys/{made['id']}")
    eventually(lambda: shared.chat(key=made["api_key"]).status != 200, 1)
    refused(shared.chat(key=made["api_key"]), 401, "revoked_api_key")
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    short = shared.api("POST", "/api/v1/api-keys", {"name": "short", "expires_at": soon})
    assert shared.chat(key=short["key"]).status == 200
    eventually(lambda: shared.chat(key=short["key"]).status != 200, 4, 0.1)
    refused(shared.chat(key=short["key"]), 401, "expired_api_key")


def test_a_key_opens_in_all_three_headers_and_only_its_models(shared):
    for header in ("x-api-key", "x-goog-api-key", "api-key"):
        assert with_key(shared, {header: shared.api_key}).status == 200
    narrow = shared.new_key("--model", "sim-gemini")["api_key"]
    refused(shared.chat(key=narrow), 403, "permission_denied", "model")
    assert shared.chat(key=narrow, model="sim-gemini").status == 200


# Bodies.

WRONG_FIELDS = [
    ({"messages": MESSAGES}, "model"),
    ({"model": 7, "messages": MESSAGES}, "model"),
    ({"model": None, "messages": MESSAGES}, "model"),
    ({"model": "sim"}, "messages"),
    ({"model": "sim", "messages": "Hello"}, "messages"),
    ({"model": "sim", "messages": {}}, "messages"),
    ({"model": "sim", "messages": []}, "messages"),
    ({"model": "sim", "messages": [7]}, "messages[0]"),
    ({"model": "sim", "messages": [{"content": "Hello"}]}, "messages[0].role"),
    ({"model": "sim", "messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
    ({"model": "sim", "messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
    ({"model": "sim", "messages": MESSAGES, "stream": "yes"}, "stream"),
    ({"model": "sim", "messages": MESSAGES, "max_tokens": "many"}, "max_tokens"),
    ({"model": "sim", "messages": MESSAGES, "max_tokens": -1}, "max_tokens"),
    ({"model": "sim", "messages": MESSAGES, "max_tokens": 0}, "max_tokens"),
    ({"model": "sim", "messages": MESSAGES, "max_tokens": 1.5}, "max_tokens"),
    ({"model": "sim", "messages": MESSAGES, "max_completion_tokens": "x"}, "max_completion_tokens"),
    ({"model": "sim", "messages": MESSAGES, "n": 0}, "n"),
    ({"model": "sim", "messages": MESSAGES, "n": "two"}, "n"),
    ({"model": "sim", "messages": MESSAGES, "stream_options": 1}, "stream_options"),
    ({"model": "sim", "messages": MESSAGES, "temperature": "hot"}, "temperature"),
    ({"model": "sim", "messages": MESSAGES, "tools": {}}, "tools"),
]


@pytest.mark.parametrize("body, param", WRONG_FIELDS, ids=lambda value: value if isinstance(value, str) else None)
def test_a_wrong_field_is_named(shared, body, param):
    refused(shared.post(body), 400, "invalid_request", param)


@pytest.mark.parametrize(
    "model, code",
    [
        ("no-such-model", "model_not_found"),
        ("no-such-provider/sim", "provider_not_found"),
        ("openai/sim", "model_not_found"),
        ("gpt-4o", "provider_not_configured"),
        ("", "model_not_found"),
    ],
)
def test_a_model_or_provider_that_is_not_there(shared, model, code):
    refused(shared.chat(model=model), 400, code, "model")


DEEP = 100_000
HOSTILE = {
    "empty": b"",
    "not JSON": b"hello",
    "half": b'{"model":"sim","messages":[',
    "an array": b"[]",
    "a number": b"7",
    "two documents": json.dumps(chat_body()).encode() * 2,
    "byte order mark": b"\xef\xbb\xbf" + json.dumps(chat_body()).encode(),
    "UTF-16": json.dumps(chat_body()).encode("utf-16"),
    "invalid UTF-8": b'{"model":"sim","messages":[{"role":"user","content":"\xff\xfe"}]}',
    "lone surrogate": b'{"model":"sim","messages":[{"role":"user","content":"\\ud800"}]}',
    "lone surrogate in the model": b'{"model":"\\udc00","messages":[]}',
    "deep arrays": b'{"model":"sim","messages":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep objects": b'{"model":"sim","x":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    "deep in an unknown field": b'{"model":"sim","messages":[{"role":"user","content":"Hi"}],"x":'
    + b"[" * DEEP
    + b"]" * DEEP
    + b"}",
    "duplicate model": b'{"model":"sim","model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}',
    "duplicate stream": b'{"model":"sim","stream":false,"stream":true,"messages":[{"role":"user","content":"Hi"}]}',
    "duplicate max_tokens": b'{"model":"sim","max_tokens":1,"max_tokens":9999,"messages":[{"role":"user","content":"Hi"}]}',
    "duplicate model, escaped": b'{"model":"sim","mod\\u0065l":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}',
    "number out of range": b'{"model":"sim","max_tokens":1e400,"messages":[{"role":"user","content":"Hi"}]}',
    "NaN": b'{"model":"sim","temperature":NaN,"messages":[{"role":"user","content":"Hi"}]}',
    "control character": b'{"model":"sim","messages":[{"role":"user","content":"a\x00b"}]}',
}


@pytest.mark.parametrize("path", [CHAT, ANTHROPIC, GEMINI], ids=["openai", "anthropic", "gemini"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_are_refused_at_once(shared, name, path):
    began = time.monotonic()
    answer = shared.post(HOSTILE[name], path=path)
    assert time.monotonic() - began < 3
    assert answer.status == 400, f"{answer.status}: {answer.body[:300]}"
    assert answer.json["error"]["message"]
    if path == CHAT:
        assert answer.error["code"] in ("invalid_json", "invalid_request", "model_not_found")


def test_a_million_keys(shared):
    keys = b",".join(b'"k%d":0' % i for i in range(1_000_000))
    answer = shared.post(b'{"model":"sim","messages":[{"role":"user","content":"Hi"}],' + keys + b"}")
    assert answer.status in (200, 400)
    assert shared.chat().status == 200


# Around the body.


def test_other_content_types(shared):
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
    ):
        refused(shared.post(chat_body(), headers={"content-type": kind}), 415, "unsupported_media_type")
    for kind in ("application/json; charset=utf-8", "Application/JSON"):
        assert shared.post(chat_body(), headers={"content-type": kind}).status == 200


def raw(there, head, *pieces):
    """The beginning of the answer to bytes that no client library would send. Writing ends when the server closes."""
    parts = urllib.parse.urlsplit(there.url)
    lines = [head, f"host: {parts.netloc}", f"authorization: Bearer {there.api_key}", "content-type: application/json"]
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        # What came before the connection was closed is read all the same.
        with contextlib.suppress(ConnectionError):
            connection.sendall("\r\n".join(lines).encode() + b"\r\n")
            for piece in pieces:
                connection.sendall(piece)
        return connection.recv(65536)


def test_a_body_over_the_limit(llmg):
    there = llmg(env={"LLMG_BODY_BYTES_MAX": "10000"})
    big = json.dumps(chat_body("x" * 20_000)).encode()
    declared = raw(there, "POST /v1/chat/completions HTTP/1.1", b"content-length: 1073741824\r\n\r\n")
    assert declared.startswith(b"HTTP/1.1 413"), "it is refused before it is sent"
    assert b'"code":"body_too_large"' in declared
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    endless = raw(there, "POST /v1/chat/completions HTTP/1.1", b"transfer-encoding: chunked\r\n\r\n", *[chunk] * 2_000)
    assert endless.startswith(b"HTTP/1.1 413") and b'"code":"body_too_large"' in endless
    for path in (CHAT, ANTHROPIC, GEMINI):
        assert b" 413 " in raw(there, f"POST {path} HTTP/1.1", f"content-length: {len(big)}\r\n\r\n".encode() + big)
    assert there.post(json.dumps(chat_body("x" * 9_000)).encode()).status == 200


@pytest.mark.parametrize("size", [20_000, 5_000_000])
def test_a_client_that_writes_before_it_reads_sees_the_413(llmg, size):
    """As all SDKs do: a connection that is closed on them would be a connection error, which they try again."""
    there = llmg(env={"LLMG_BODY_BYTES_MAX": "10000"})
    client = openai.OpenAI(api_key=there.api_key, base_url=there.url + "/v1", max_retries=0, timeout=20)
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model="sim", messages=[{"role": "user", "content": "x" * size}])
    assert refused.value.status_code == 413


def test_a_body_that_ends_early_harms_nobody(shared):
    parts = urllib.parse.urlsplit(shared.url)
    for _ in range(20):
        with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
            head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {shared.api_key}\r\ncontent-type: application/json\r\n"
            connection.sendall(head.encode() + b"content-length: 500\r\n\r\n{")
    assert shared.chat().status == 200


def test_paths_and_methods(shared):
    refused(wire.call("POST", shared.url + "/v1/nothing", {}), 404, "not_found")
    refused(wire.call("GET", shared.url + "/v1/"), 404, "not_found")
    answer = wire.call("GET", shared.url + CHAT)
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"
    refused(wire.call("DELETE", shared.url + "/v1/models"), 405, "method_not_allowed")
    answer = wire.call("GET", shared.url + "/nothing")
    assert answer.status == 404 and answer.json["code"] == "not_found"


def test_paths_without_v1(shared):
    auth = {"authorization": f"Bearer {shared.api_key}"}
    assert wire.call("POST", shared.url + "/chat/completions", chat_body(), auth).status == 200
    assert wire.call("GET", shared.url + "/models", headers=auth).json["object"] == "list"


def test_headers_that_are_wrong_are_named(shared):
    wrong = [
        ("x-llmg-cache", "maybe"),
        ("x-llmg-cache", "ttl=5"),
        ("x-llmg-metadata", "[1]"),
        ("x-llmg-tags", ",".join("abcdefghijklmnopqrstu")),
    ]
    for name, value in wrong:
        refused(shared.chat(headers={name: value}), 400, "invalid_request", name)


def test_a_spent_account(llmg):
    there = llmg(usd=0)
    answer = there.chat()
    refused(answer, 402, "insufficient_credits")
    assert answer.headers["x-should-retry"] == "false" and "retry-after" not in answer.headers
    there.grant(1)
    assert there.chat().status == 200, "no restart and no wait after a grant"


# The other dialects.


def test_errors_of_anthropics_shape(shared):
    def post(body, headers=None, path=ANTHROPIC):
        auth = {"x-api-key": shared.api_key} if headers is None else headers
        return wire.call("POST", shared.url + path, body, auth)

    cases = [
        (post({"model": "sim", "messages": MESSAGES}, {}), 401, "authentication_error"),
        (post({"model": "sim", "max_tokens": 5}), 400, "invalid_request_error"),
        (post({"model": "none", "max_tokens": 5, "messages": MESSAGES}), 400, "invalid_request_error"),
        (
            post(chat_body(max_tokens=5), {"x-api-key": shared.api_key, "content-type": "text/plain"}),
            415,
            "invalid_request_error",
        ),
        (wire.call("GET", shared.url + ANTHROPIC), 405, "invalid_request_error"),
    ]
    for answer, status, kind in cases:
        assert answer.status == status, answer.text
        assert answer.json["type"] == "error" and answer.json["error"]["type"] == kind, answer.text
        assert answer.json["request_id"] == answer.headers["x-llmg-request-id"]


def test_errors_of_googles_shape(shared):
    def post(body, key=shared.api_key, model="sim"):
        return wire.call("POST", f"{shared.url}/v1beta/models/{model}:generateContent", body, {"x-goog-api-key": key})

    contents = {"contents": [{"parts": [{"text": "Hello"}]}]}
    cases = [
        (post(contents, key="none"), 401, "UNAUTHENTICATED"),
        (post({"contents": 7}), 400, "INVALID_ARGUMENT"),
        (post(contents, model="none"), 400, "INVALID_ARGUMENT"),
        (wire.call("GET", f"{shared.url}{GEMINI}"), 405, None),
    ]
    for answer, status, kind in cases:
        assert answer.status == status, answer.text
        error = answer.json["error"]
        assert error["code"] == status and error["message"] and (kind is None or error["status"] == kind), answer.text


def test_after_all_of_that_it_serves_and_the_books_agree(shared):
    assert shared.chat().status == 200
    shared.reconcile()
