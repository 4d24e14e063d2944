// Calls an instance with the official OpenAI SDK and prints what came out as one JSON object.
import OpenAI from 'openai';

const { url, key, model, messages, tools, tool_choice, stream, prompts } = JSON.parse(process.argv[2]);
const client = new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0, timeout: 20_000 });

const fields = { model, messages, tools, tool_choice };
const out = {};
try {
  if (prompts === 'models') {
    out.models = [];
    for await (const found of client.models.list()) out.models.push(found.id);
    out.one = (await client.models.retrieve(model)).id;
  } else if (stream) {
    const runner = client.chat.completions.stream({ ...fields, stream_options: { include_usage: true } });
    out.chunks = 0;
    runner.on('chunk', () => (out.chunks += 1));
    out.completion = await runner.finalChatCompletion();
  } else {
    const { data, response } = await client.chat.completions.create(fields).withResponse();
    out.completion = data;
    out.requestId = response.headers.get('x-llmg-request-id');
  }
} catch (error) {
  if (!(error instanceof OpenAI.APIError)) throw error;
  out.error = { class: error.constructor.name, status: error.status, code: error.code, message: error.message };
}
console.log(JSON.stringify(out));
