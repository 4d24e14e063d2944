// Calls an instance with the Vercel AI SDK and prints what came out as one JSON object.
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

const { url, key, model, prompt, image, stream, tools, provider } = JSON.parse(process.argv[2]);
const settings = { apiKey: key, baseURL: `${url}/v1` };
const chat =
  provider === 'openai'
    ? createOpenAI(settings).chat(model)
    : createOpenAICompatible({ ...settings, name: 'llmg', includeUsage: true })(model);

const ran = [];
const getWeather = tool({
  description: 'The weather in a city',
  inputSchema: z.object({ city: z.string() }),
  execute: async (input) => {
    ran.push(input);
    return { sky: 'sunny' };
  },
});
const content = [{ type: 'text', text: prompt }];
if (image) content.push({ type: 'image', image });
const call = {
  model: chat,
  maxRetries: 0,
  messages: [{ role: 'user', content }],
  ...(tools ? { tools: { get_weather: getWeather }, stopWhen: stepCountIs(3) } : {}),
};

const out = {};
try {
  if (stream) {
    let failed;
    const result = streamText({ ...call, onError: ({ error }) => (failed = error) });
    out.deltas = 0;
    for await (const _ of result.textStream) out.deltas += 1;
    if (failed) throw failed;
    out.text = await result.text;
    out.finishReason = await result.finishReason;
    out.usage = await result.totalUsage;
  } else {
    const result = await generateText(call);
    out.text = result.text;
    out.finishReason = result.finishReason;
    out.usage = result.totalUsage;
    out.steps = result.steps.length;
  }
} catch (error) {
  if (!APICallError.isInstance(error)) throw error;
  out.error = { status: error.statusCode, retryable: error.isRetryable, message: error.message };
}
console.log(JSON.stringify({ ...out, ran }));
