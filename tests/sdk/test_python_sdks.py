"""The official Python SDKs call a running instance: their own types come out, streaming and not, with tools and images.

Against the simulated provider, whose tokens are known beforehand, and against aimock, which is not ours. The three models
of each are behind three dialects, so every call here but OpenAI's own is translated.
"""

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from lib import wire
from lib.sdk import HELLO, IMAGE_PARTS, PNG, PNG_BYTES, TOOLS, WEATHER, ask

SIM_MODELS = ["sim", "sim-anthropic", "sim-gemini"]
AIMOCK_MODELS = ["gpt-4o", "claude-opus-4-5-20251101", "gemini-2.5-pro"]


@pytest.fixture(scope="module")
def there(shared_with_aimock):
    return shared_with_aimock


@pytest.fixture(scope="module")
def client(there):
    return openai.OpenAI(api_key=there.api_key, base_url=there.url + "/v1", max_retries=0, timeout=20)


def streamed(client, **fields):
    """A stream put together as the SDK does it, and its number of chunks."""
    with client.chat.completions.stream(stream_options={"include_usage": True}, **fields) as stream:
        chunks = sum(1 for event in stream if event.type == "chunk")
        return stream.get_final_completion(), chunks


# The simulated provider: exact tokens.


@pytest.mark.parametrize("model", SIM_MODELS)
def test_openai_chat(client, model):
    answer = client.chat.completions.create(model=model, messages=ask("Hello there"))
    assert answer.choices[0].message.content.startswith("[simulated]")
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (2, 24)
    assert answer.usage.cost_details == {"cost_nano_usd": 50_000, "charged_nano_usd": 50_000}


@pytest.mark.parametrize("model", SIM_MODELS)
def test_openai_stream_says_the_same_as_the_plain_answer(client, model):
    plain = client.chat.completions.create(model=model, messages=ask("Hello there"))
    answer, chunks = streamed(client, model=model, messages=ask("Hello there"))
    assert answer.choices[0].message.content == plain.choices[0].message.content
    assert chunks > 20, "it came in one piece"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (2, 24)
    assert answer.usage.cost_details == {"cost_nano_usd": 50_000, "charged_nano_usd": 50_000}


def test_a_stream_without_include_usage_has_no_chunk_without_choices(client):
    with client.chat.completions.create(model="sim", messages=ask("Hello"), stream=True) as stream:
        assert all(chunk.choices for chunk in stream)


@pytest.mark.parametrize("model", SIM_MODELS)
def test_openai_tools(client, model):
    fields = {"model": model, "tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "get_weather"}}}
    plain = client.chat.completions.create(messages=ask(WEATHER), **fields).choices[0]
    assert plain.finish_reason == "tool_calls"
    call = plain.message.tool_calls[0]
    assert call.function.name == "get_weather" and "city" in call.function.arguments
    final, _ = streamed(client, messages=ask(WEATHER), **fields)
    assert final.choices[0].message.tool_calls[0].function.arguments == call.function.arguments
    # The tool's result goes back, and the model answers in words.
    turns = [plain.message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    answer = client.chat.completions.create(model=model, tools=TOOLS, messages=[*ask(WEATHER), *turns])
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content.startswith("[simulated]")


@pytest.mark.parametrize("model", SIM_MODELS)
def test_openai_images(client, model):
    answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": IMAGE_PARTS}])
    assert answer.usage.prompt_tokens == 4 + 85, "four words and an image"
    final, _ = streamed(client, model=model, messages=[{"role": "user", "content": IMAGE_PARTS}])
    assert final.usage.prompt_tokens == 4 + 85


def test_openai_sees_its_own_errors(client, there):
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="no-such-model", messages=ask("Hello"))
    assert refused.value.code == "model_not_found" and refused.value.param == "model"
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="llmg_wrong").chat.completions.create(model="sim", messages=ask("Hello"))
    with pytest.raises(openai.APIError) as broken:
        list(
            client.chat.completions.create(
                model="sim", messages=ask("Hi [[sim fault=error_event_after:3]]"), stream=True
            )
        )
    assert broken.value.code == "upstream_error"


def test_openai_lists_models(client):
    ids = [model.id for model in client.models.list()]
    assert {*SIM_MODELS, "gpt-4o", "claude-opus-4-5", "gemini-2.5-pro"} <= set(ids)
    assert "o1" in ids and not any(id.startswith("mistral") for id in ids), "only models whose provider has a key"
    assert client.models.retrieve("gpt-4o").id == "gpt-4o"
    assert client.models.retrieve("anthropic/claude-opus-4-5-20251101").owned_by == "anthropic"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


# aimock: an implementation that is not ours.


@pytest.mark.parametrize("model", AIMOCK_MODELS)
def test_aimock_chat(client, model):
    answer = client.chat.completions.create(model=model, messages=ask(HELLO))
    assert answer.choices[0].message.content == "Hi there, this is a mock answer of some length."
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (11, 7)
    assert answer.usage.cost_details["cost_nano_usd"] > 0


@pytest.mark.parametrize("model", AIMOCK_MODELS)
def test_aimock_stream(client, model):
    answer, chunks = streamed(client, model=model, messages=ask(HELLO))
    assert answer.choices[0].message.content == "Hi there, this is a mock answer of some length."
    assert chunks > 2
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (11, 7)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("model", AIMOCK_MODELS)
def test_aimock_tools(client, model, stream):
    fields = {"model": model, "tools": TOOLS, "messages": ask(WEATHER)}
    answer = streamed(client, **fields)[0] if stream else client.chat.completions.create(**fields)
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    call = choice.message.tool_calls[0]
    assert (call.function.name, call.function.arguments.replace(" ", "")) == ("get_weather", '{"city":"Rome"}')
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [call.model_dump(include={"id", "type", "function"})],
    }
    turns = [message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    answer = client.chat.completions.create(model=model, tools=TOOLS, messages=[*ask(WEATHER), *turns])
    assert answer.choices[0].message.content == "It is sunny in Rome."


@pytest.mark.parametrize("model", AIMOCK_MODELS)
def test_aimock_images(client, model):
    answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": IMAGE_PARTS}])
    assert answer.choices[0].message.content == "I see one pixel."


@pytest.mark.parametrize("model", AIMOCK_MODELS)
def test_aimock_errors_keep_the_providers_code(client, model):
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=model, messages=ask("wrong request"))
    assert refused.value.code == "upstream_invalid_request"
    assert refused.value.body["provider_code"]
    assert refused.value.body["provider"] in ("openai", "anthropic", "google-ai-studio")


# The other two dialects at the front door.


@pytest.mark.parametrize("model", ["sim", "sim-anthropic", "sim-gemini"])
def test_anthropic_messages(there, model):
    client = anthropic.Anthropic(api_key=there.api_key, base_url=there.url, max_retries=0, timeout=20)
    fields = {"model": model, "max_tokens": 100, "system": "Be kind", "messages": ask("Hello there")}
    answer = client.messages.create(**fields)
    assert answer.content[0].text.startswith("[simulated]") and answer.stop_reason == "end_turn"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (4, 24)
    with client.messages.stream(**fields) as stream:
        deltas = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(deltas) > 20 and final.content[0].text == answer.content[0].text
    assert (final.usage.input_tokens, final.usage.output_tokens) == (4, 24)


@pytest.mark.parametrize("model", ["sim", "sim-anthropic", "sim-gemini"])
def test_anthropic_tools_and_images(there, model):
    client = anthropic.Anthropic(api_key=there.api_key, base_url=there.url, max_retries=0, timeout=20)
    function = TOOLS[0]["function"]
    tool = {"name": function["name"], "description": function["description"], "input_schema": function["parameters"]}
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    content = [{"type": "text", "text": "look at this image"}, image]
    fields = {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": content}]}
    assert client.messages.create(**fields).usage.input_tokens == 4 + 85
    call = client.messages.create(tools=[tool], tool_choice={"type": "tool", "name": "get_weather"}, **fields)
    assert call.stop_reason == "tool_use"
    used = next(block for block in call.content if block.type == "tool_use")
    assert used.name == "get_weather" and "city" in used.input


def test_anthropic_sees_its_own_errors(there):
    client = anthropic.Anthropic(api_key=there.api_key, base_url=there.url, max_retries=0, timeout=20)
    with pytest.raises(anthropic.BadRequestError) as refused:
        client.messages.create(model="no-such-model", max_tokens=5, messages=ask("Hello"))
    assert refused.value.body["type"] == "error"
    assert refused.value.body["error"]["type"] == "invalid_request_error"
    with pytest.raises(anthropic.AuthenticationError):
        client.with_options(api_key="llmg_wrong").messages.create(model="sim", max_tokens=5, messages=ask("Hello"))


def gemini(there, key=None):
    options = types.HttpOptions(base_url=there.url, timeout=20_000)
    return genai.Client(api_key=key or there.api_key, http_options=options)


@pytest.mark.parametrize("model", ["sim", "sim-anthropic", "sim-gemini"])
def test_gemini_generate_content(there, model):
    client = gemini(there)
    answer = client.models.generate_content(model=model, contents="Hello there")
    assert answer.text.startswith("[simulated]")
    usage = answer.usage_metadata
    assert (usage.prompt_token_count, usage.candidates_token_count) == (2, 24)
    chunks = list(client.models.generate_content_stream(model=model, contents="Hello there"))
    assert len(chunks) > 20 and "".join(chunk.text or "" for chunk in chunks) == answer.text
    assert chunks[-1].usage_metadata.candidates_token_count == 24


def test_a_gemini_path_names_the_provider_too(there):
    """`google-ai-studio/gemini-2.5-pro` in a path is one name, whether its slash is escaped or not."""
    for name in ("sim/sim", "sim%2Fsim"):
        body = {"contents": [{"parts": [{"text": "Hello there"}]}]}
        answer = wire.call(
            "POST", f"{there.url}/v1beta/models/{name}:generateContent", body, {"x-goog-api-key": there.api_key}
        )
        assert answer.status == 200, answer.text


@pytest.mark.parametrize("model", ["sim", "sim-anthropic", "sim-gemini"])
def test_gemini_tools_and_images(there, model):
    client = gemini(there)
    image = types.Part.from_bytes(data=PNG_BYTES, mime_type="image/png")
    answer = client.models.generate_content(model=model, contents=["look at this image", image])
    assert answer.usage_metadata.prompt_token_count == 4 + 85
    function = TOOLS[0]["function"]
    declared = types.FunctionDeclaration(
        name="get_weather", description=function["description"], parameters_json_schema=function["parameters"]
    )
    calling = types.FunctionCallingConfig(mode="ANY", allowed_function_names=["get_weather"])
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[declared])],
        tool_config=types.ToolConfig(function_calling_config=calling),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    answer = client.models.generate_content(model=model, contents=WEATHER, config=config)
    assert answer.function_calls[0].name == "get_weather" and "city" in answer.function_calls[0].args


def test_gemini_sees_its_own_errors(there):
    client = gemini(there, key="llmg_wrong")
    with pytest.raises(genai.errors.ClientError) as refused:
        client.models.generate_content(model="sim", contents="Hello")
    assert (refused.value.code, refused.value.status) == (401, "UNAUTHENTICATED")
