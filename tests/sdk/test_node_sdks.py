"""The official OpenAI SDK for Node and the Vercel AI SDK call a running instance."""

import pytest

from lib.process import node
from lib.sdk import HELLO, IMAGE_PARTS, PNG_URL, TOOLS, WEATHER, ask

SIM_MODELS = ["sim", "sim-anthropic", "sim-gemini"]
AIMOCK_MODELS = ["gpt-4o", "claude-opus-4-5-20251101", "gemini-2.5-pro"]
MOCK_TEXT = "Hi there, this is a mock answer of some length."


@pytest.fixture(scope="module")
def call(shared_with_aimock):
    """`call(script, …)` with the instance's address and key."""
    there = shared_with_aimock
    return lambda script, **ask: node(script, url=there.url, key=there.api_key, **ask)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("model", SIM_MODELS)
def test_openai(call, model, stream):
    out = call("openai.mjs", model=model, messages=ask("Hello there"), stream=stream)
    completion = out["completion"]
    assert completion["choices"][0]["message"]["content"].startswith("[simulated]")
    assert (completion["usage"]["prompt_tokens"], completion["usage"]["completion_tokens"]) == (2, 24)
    assert completion["usage"]["cost_details"] == {"cost_nano_usd": 50_000, "charged_nano_usd": 50_000}
    assert not stream or out["chunks"] > 20


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("model", AIMOCK_MODELS)
def test_openai_with_aimock(call, model, stream):
    out = call("openai.mjs", model=model, messages=ask(HELLO), stream=stream)
    assert out["completion"]["choices"][0]["message"]["content"] == MOCK_TEXT
    out = call("openai.mjs", model=model, messages=ask(WEATHER), tools=TOOLS, stream=stream)
    tool = out["completion"]["choices"][0]["message"]["tool_calls"][0]["function"]
    assert (tool["name"], tool["arguments"].replace(" ", "")) == ("get_weather", '{"city":"Rome"}')


@pytest.mark.parametrize("model", ["sim", "gpt-4o", "claude-opus-4-5-20251101", "gemini-2.5-pro"])
def test_openai_images(call, model):
    out = call("openai.mjs", model=model, messages=[{"role": "user", "content": IMAGE_PARTS}])
    assert out["completion"]["choices"][0]["message"]["content"]


def test_openai_errors_and_models(call):
    out = call("openai.mjs", model="no-such-model", messages=ask("Hello"))
    assert (out["error"]["class"], out["error"]["status"], out["error"]["code"]) == (
        "BadRequestError",
        400,
        "model_not_found",
    )
    out = call("openai.mjs", model="sim", messages=ask("Hi [[sim fault=error_event_after:3]]"), stream=True)
    assert out["error"]["code"] == "upstream_error"
    out = call("openai.mjs", model="gpt-4o", prompts="models")
    assert {*SIM_MODELS, "gpt-4o", "claude-opus-4-5", "gemini-2.5-pro"} <= set(out["models"]) and out["one"] == "gpt-4o"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("provider", ["openai", "compatible"])
@pytest.mark.parametrize("model", ["sim", *AIMOCK_MODELS])
def test_ai_sdk(call, model, provider, stream):
    out = call("ai-sdk.mjs", model=model, prompt=HELLO, provider=provider, stream=stream)
    assert out["finishReason"] == "stop"
    if model == "sim":
        assert out["text"].startswith("[simulated]")
        assert (out["usage"]["inputTokens"], out["usage"]["outputTokens"]) == (1, 24)
    else:
        assert out["text"] == MOCK_TEXT
        assert (out["usage"]["inputTokens"], out["usage"]["outputTokens"]) == (11, 7)
    assert not stream or out["deltas"] > 2


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("model", AIMOCK_MODELS)
def test_ai_sdk_runs_a_tool_and_hands_its_result_back(call, model, stream):
    out = call("ai-sdk.mjs", model=model, prompt=WEATHER, tools=True, stream=stream)
    assert out["ran"] == [{"city": "Rome"}]
    assert out["text"] == "It is sunny in Rome."


def test_ai_sdk_images_and_errors(call):
    out = call("ai-sdk.mjs", model="claude-opus-4-5-20251101", prompt="look at this image", image=PNG_URL)
    assert out["text"] == "I see one pixel."
    out = call("ai-sdk.mjs", model="no-such-model", prompt="Hello")
    assert (out["error"]["status"], out["error"]["retryable"]) == (400, False)
    out = call("ai-sdk.mjs", model="sim", prompt="Hi [[sim fault=status:503]]")
    assert (out["error"]["status"], out["error"]["retryable"]) == (503, True)
