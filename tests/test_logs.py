"""What people write, and what providers answer, reaches no log, at any level and however a call fails."""

import http.server
import json
import threading

import pytest

from lib.instance import chat_body

WORDS = "purple-elephant-4711"


class Echo(http.server.BaseHTTPRequestHandler):
    """A provider that quotes what it was sent, in an answer that is none, or in an error."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        sent = self.rfile.read(int(self.headers["content-length"])).decode()
        status = next((code for code in (401, 429, 500) if f"status {code}" in sent), 200)
        body = json.dumps({"error": {"message": sent}} if status != 200 else {"id": "x", "choices": sent}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def echo():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


def test_no_word_of_a_call_is_in_a_log(llmg, echo):
    there = llmg(
        env={
            "LLMG_LOG": "debug,gateway=trace,llm=trace,control=trace,metering=trace,events=trace",
            "LLMG_PROVIDER_OPENAI_BASE_URL": echo,
            "LLMG_PROVIDER_OPENAI_API_KEY": "sk-4711-platform-canary",
        }
    )
    texts = [WORDS, *(f"{WORDS} status {code}" for code in (401, 429, 500))]
    for text in texts:
        for stream in (False, True):
            answer = there.chat(text, model="openai/gpt-4o-mini", max_tokens=10, stream=stream)
            assert answer.status >= 400 or "error" in answer.text, answer.text
    wrong = [
        {**chat_body(), "temperature": WORDS},
        {**chat_body(), "messages": WORDS},
        {**chat_body(), "model": WORDS},
        {**chat_body(WORDS), "tools": [{"type": "function", "function": {"name": WORDS, "parameters": WORDS}}]},
    ]
    for body in wrong:
        assert there.post(body).status in (200, 400, 404), body
    assert there.chat(WORDS).status == 200
    there.stop()
    logs = "".join(log.read_text() for log in there.folder.glob("llmg-*.*"))
    assert "llmg is ready" in logs and "upstream_invalid_response" in logs, "the logs are not where they were looked for"
    for secret in (WORDS, "sk-4711", "4711-platform"):
        assert secret not in logs, next(line for line in logs.splitlines() if secret in line)
