"""The official SDKs and our codecs must understand each other.

What the SDKs really send is caught by a local server and read by our codecs; what our codecs write is served to the
SDKs and must come out as their own types. `LLMG_DIALECTS_BIN` names the built example `dialects` of the crate `llm`.
"""

import base64
import http.server
import json
import os
import pathlib
import subprocess
import threading

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "crates" / "llm" / "fixtures"
BINARY = os.environ.get("LLMG_DIALECTS_BIN")
pytestmark = pytest.mark.skipif(not BINARY, reason="LLMG_DIALECTS_BIN names no example")

DIALECTS = ["openai_chat", "anthropic", "gemini"]
REPLIES = sorted(path.stem for path in (FIXTURES / "reply").glob("*.json"))
STREAMS = sorted(path.stem for path in (FIXTURES / "stream").glob("*.sse"))
BILL = {"cost": 1_234_500, "charged": 7}
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


def ask(**command):
    done = subprocess.run([BINARY], input=json.dumps(command) + "\n", capture_output=True, text=True, check=True, timeout=30)
    return json.loads(done.stdout)


class Provider:
    """A server on a free port that records each request and gives one prepared answer."""

    def __init__(self, body, kind="application/json", status=200):
        self.seen = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                raw = self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.seen.append((self.path, dict(self.headers), json.loads(raw)))
                self.send_response(status)
                self.send_header("content-type", kind)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def openai(self):
        return openai.OpenAI(api_key="k", base_url=self.url + "/v1", max_retries=0)

    @property
    def anthropic(self):
        return anthropic.Anthropic(api_key="k", base_url=self.url, max_retries=0)

    @property
    def gemini(self):
        # Kept: the SDK closes its connections when the client is collected.
        self.client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=self.url))
        return self.client


def served(name, to):
    """A fixture of a provider's answer, as our codec writes it for a client."""
    body = json.loads((FIXTURES / "reply" / f"{name}.json").read_text())
    return ask(do="response_write", to=to, body=body, bill=BILL, **{"from": name.rsplit(".", 1)[1]})["body"]


def streamed(name, to):
    sse = (FIXTURES / "stream" / f"{name}.sse").read_bytes().decode()
    return ask(do="stream", to=to, sse=sse, bill=BILL, **{"from": name.rsplit(".", 1)[1]})["sse"]


# What our codecs write, read by the SDKs.


@pytest.mark.parametrize("name", REPLIES)
def test_openai_reads_our_answers(name):
    with Provider(served(name, "openai_chat")) as provider:
        reply = provider.openai.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    assert isinstance(reply, openai.types.chat.ChatCompletion)
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply.usage.cost == 0.0012345 and reply.usage.cost_details["charged_nano_usd"] == 7
    if "malformed" not in name:  # `error` is outside the SDK's list on purpose: `stop` would hide it.
        openai.types.chat.ChatCompletion.model_validate(reply.to_dict())
    for call in reply.choices[0].message.tool_calls or []:
        json.loads(call.function.arguments)


@pytest.mark.parametrize("name", REPLIES)
def test_anthropic_reads_our_answers(name):
    with Provider(served(name, "anthropic")) as provider:
        reply = provider.anthropic.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "Hi"}])
    assert isinstance(reply, anthropic.types.Message)
    anthropic.types.Message.model_validate(reply.to_dict())
    assert reply.usage.cost == 0.0012345
    known = {"text", "thinking", "redacted_thinking", "tool_use", "server_tool_use"}
    assert {block.type for block in reply.content} <= known


@pytest.mark.parametrize("name", REPLIES)
def test_gemini_reads_our_answers(name):
    with Provider(served(name, "gemini")) as provider:
        reply = provider.gemini.models.generate_content(model="m", contents="Hi")
    assert isinstance(reply, types.GenerateContentResponse)
    candidate = reply.candidates[0]
    assert candidate.finish_reason in set(types.FinishReason)
    assert reply.usage_metadata.total_token_count >= reply.usage_metadata.prompt_token_count
    if name == "tools_image.gemini":
        parts = candidate.content.parts
        assert parts[0].thought and parts[0].text == "pondering"
        assert any(part.inline_data and part.inline_data.data.startswith(b"\x89PNG") for part in parts)
        calls = [part for part in parts if part.function_call]
        assert calls[0].function_call.args == {"city": "Oslo"}
        assert calls[0].thought_signature == base64.b64decode("CpcBAdHtim9+/w==")


def fails(name):
    return name.startswith(("error", "overloaded"))


@pytest.mark.parametrize("name", [name for name in STREAMS if not name.startswith("cut")])
def test_openai_reads_our_streams(name):
    with Provider(streamed(name, "openai_chat"), "text/event-stream") as provider:
        stream = provider.openai.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}], stream=True)
        if fails(name):
            with pytest.raises(openai.APIError):
                list(stream)
            return
        chunks = list(stream)
    assert all(isinstance(chunk, openai.types.chat.ChatCompletionChunk) for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == 1
    calls = {}
    for choice in (choice for chunk in chunks for choice in chunk.choices):
        for call in choice.delta.tool_calls or []:
            kept = calls.setdefault(call.index, {"id": call.id, "name": call.function.name, "args": ""})
            kept["args"] += call.function.arguments or ""
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "tool_calls"
    assert len(calls) == 2 and all(isinstance(json.loads(call["args"]), dict) for call in calls.values())
    if name != "interleaved.openai_chat":
        assert chunks[-1].usage.cost == 0.0012345 and chunks[-1].choices == []


@pytest.mark.parametrize("name", [name for name in STREAMS if not name.startswith("cut")])
def test_anthropic_reads_our_streams(name):
    with Provider(streamed(name, "anthropic"), "text/event-stream") as provider:
        asked = dict(model="m", max_tokens=9, messages=[{"role": "user", "content": "Hi"}])
        if fails(name):
            with pytest.raises(anthropic.APIError), provider.anthropic.messages.stream(**asked) as stream:
                stream.get_final_message()
            return
        with provider.anthropic.messages.stream(**asked) as stream:
            message = stream.get_final_message()
    calls = [block for block in message.content if block.type == "tool_use"]
    assert message.stop_reason == "tool_use" and len(calls) == 2
    assert calls[0].input and isinstance(calls[1].input, dict)
    if name == "tools.openai_chat":
        assert message.usage.input_tokens == 6 and message.usage.cache_read_input_tokens == 4
        assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]


@pytest.mark.parametrize("name", [name for name in STREAMS if not name.startswith("cut")])
def test_gemini_reads_our_streams(name):
    with Provider(streamed(name, "gemini"), "text/event-stream") as provider:
        stream = provider.gemini.models.generate_content_stream(model="m", contents="Hi")
        if fails(name):
            with pytest.raises(genai.errors.APIError):
                list(stream)
            return
        chunks = list(stream)
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts or []]
    calls = [part.function_call for part in parts if part.function_call]
    assert len(calls) == 2 and calls[0].args
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP


@pytest.mark.parametrize("blank", ["\n", "\n\n"])
def test_gemini_bears_our_keep_alive(blank):
    sse = streamed("tools.gemini", "gemini").replace("\n\n", "\n\n" + blank)
    with Provider(sse, "text/event-stream") as provider:
        assert list(provider.gemini.models.generate_content_stream(model="m", contents="Hi"))


@pytest.mark.parametrize("status,kind", [(400, "BadRequestError"), (401, "AuthenticationError"), (429, "RateLimitError"), (503, "InternalServerError")])
def test_errors_are_the_sdks_own(status, kind):
    upstream = {"error": {"message": "no", "type": "t", "code": "c"}}
    body = {to: ask(do="fault", to=to, status=status, body=upstream, **{"from": "openai_chat"})["body"] for to in DIALECTS}
    with Provider(body["openai_chat"], status=status) as provider, pytest.raises(getattr(openai, kind)) as caught:
        provider.openai.chat.completions.create(model="m", messages=[])
    assert caught.value.code.startswith("upstream_") and caught.value.body["provider"] == "provider"
    with Provider(body["anthropic"], status=status) as provider, pytest.raises(anthropic.APIStatusError) as caught:
        provider.anthropic.messages.create(model="m", max_tokens=1, messages=[])
    anthropic.types.ErrorResponse.model_validate(caught.value.body)
    with Provider(body["gemini"], status=status) as provider, pytest.raises(genai.errors.APIError) as caught:
        provider.gemini.models.generate_content(model="m", contents="Hi")
    assert caught.value.code == status and caught.value.status and caught.value.message == "no"


# What the SDKs really send, read by our codecs.


def sent_by_openai():
    with Provider(served("tools.openai_chat", "openai_chat")) as provider:
        provider.openai.chat.completions.create(
            model="m",
            messages=[
                {"role": "system", "content": "Be brief"},
                {"role": "user", "content": [
                    {"type": "text", "text": "Hi"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(PNG).decode()}},
                ]},
                {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "w", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "c1", "content": "cold"},
            ],
            tools=[{"type": "function", "function": {"name": "w", "parameters": WEATHER}}],
            tool_choice="auto", temperature=0.5, max_completion_tokens=50, stop=["END"],
        )
        return provider.seen[0]


def sent_by_anthropic():
    with Provider(served("tools.openai_chat", "anthropic")) as provider:
        provider.anthropic.messages.create(
            model="m", max_tokens=50, system=[{"type": "text", "text": "Be brief", "cache_control": {"type": "ephemeral"}}],
            messages=[
                {"role": "user", "content": [
                    {"type": "text", "text": "Hi"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()}},
                ]},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "w", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "cold"}]},
            ],
            tools=[{"name": "w", "input_schema": WEATHER}], tool_choice={"type": "auto"}, stop_sequences=["END"],
            thinking={"type": "disabled"},
        )
        return provider.seen[0]


def sent_by_gemini():
    with Provider(served("tools_image.gemini", "gemini")) as provider:
        provider.gemini.models.generate_content(
            model="m",
            contents=[
                types.Content(role="user", parts=[types.Part(text="Hi"), types.Part.from_bytes(data=PNG, mime_type="image/png")]),
                types.Content(role="model", parts=[types.Part(
                    function_call=types.FunctionCall(id="c1", name="w", args={}), thought_signature=b"\xfb\xff\xfe")]),
                types.Content(role="user", parts=[types.Part(
                    function_response=types.FunctionResponse(id="c1", name="w", response={"output": "cold"}))]),
            ],
            config=types.GenerateContentConfig(
                system_instruction="Be brief", temperature=0.5, max_output_tokens=50, stop_sequences=["END"],
                tools=[types.Tool(function_declarations=[types.FunctionDeclaration(name="w", parameters=WEATHER)])],
                tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="AUTO")),
                thinking_config=types.ThinkingConfig(thinking_budget=0),
                automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            ),
        )
        return provider.seen[0]


SENT = {"openai_chat": sent_by_openai, "anthropic": sent_by_anthropic, "gemini": sent_by_gemini}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_our_codecs_read_what_the_sdks_send(dialect):
    path, _, body = SENT[dialect]()
    expected = {"openai_chat": "/v1/chat/completions", "anthropic": "/v1/messages", "gemini": "/models/m:generateContent"}
    # Google's SDK calls `/v1` or `/v1beta`, by its version.
    assert path.endswith(expected[dialect])
    call = ask(do="request_read", dialect=dialect, body=body, path={"model": "m"} if dialect == "gemini" else {})
    assert (call["model"], call["messages"], call["tools"], call["rest"]) == ("m", 4, 1, {}), call


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("to,model", [("openai_chat", "gpt-4o"), ("anthropic", "claude-sonnet-4-5"), ("gemini", "gemini-3-pro-preview")])
def test_every_sdk_reaches_every_provider(dialect, to, model):
    _, _, body = SENT[dialect]()
    out = ask(do="request_write", to=to, model=model, body=body, path={"model": "m"} if dialect == "gemini" else {}, **{"from": dialect})
    sent = json.loads(out["body"])
    text = json.dumps(sent)
    assert "Be brief" in text and "cold" in text and base64.b64encode(PNG).decode() in text and "END" in text
    if to == "gemini":
        sent["config"] = types.GenerationConfig.model_validate(sent.pop("generationConfig"))
        [types.Content.model_validate(content) for content in sent["contents"]]
        [types.Tool.model_validate(tool) for tool in sent["tools"]]
        types.ToolConfig.model_validate(sent["toolConfig"])
        if dialect == "gemini":
            assert base64.b64decode(sent["contents"][1]["parts"][0]["thoughtSignature"]) == b"\xfb\xff\xfe"
    elif to == "anthropic":
        assert sent["messages"][-1]["content"][0]["tool_use_id"] == "c1"
        anthropic.types.Message.model_validate({
            "id": "", "type": "message", "role": "assistant", "model": "", "content": sent["messages"][1]["content"],
            "usage": {"input_tokens": 0, "output_tokens": 0},
        })
    else:
        assert sent["messages"][-1]["tool_call_id"] == "c1"
