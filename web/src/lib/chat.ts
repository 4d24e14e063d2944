import { events } from "./sse";

export interface Message {
  role: "system" | "user" | "assistant";
  content: string;
}

export interface ChatRequest {
  key: string;
  model: string;
  messages: Message[];
  temperature: number | null;
  maxTokens: number | null;
  signal: AbortSignal;
}

export interface ChatResult {
  requestId: string | null;
  provider: string | null;
  inputTokens: number | null;
  outputTokens: number | null;
  costNanoUsd: number | null;
  firstTokenMs: number | null;
  totalMs: number;
}

interface Chunk {
  choices?: { delta?: { content?: string | null } }[];
  usage?: { prompt_tokens?: number; completion_tokens?: number; cost_details?: { cost_nano_usd?: number } } | null;
  error?: { message?: string; code?: string };
}

export class ChatError extends Error {
  readonly code: string | null;

  constructor(message: string, code: string | null) {
    super(message);
    this.name = "ChatError";
    this.code = code;
  }
}

function refused(body: unknown, status: number): ChatError {
  const error = (body as Chunk | null)?.error;
  return new ChatError(error?.message ?? `The gateway answered with status ${status}.`, error?.code ?? null);
}

/** Calls the gateway as any program would, and hands on text as it comes. */
export async function chat(request: ChatRequest, onText: (text: string) => void): Promise<ChatResult> {
  const started = performance.now();
  const response = await fetch("/v1/chat/completions", {
    method: "POST",
    signal: request.signal,
    credentials: "omit",
    headers: { authorization: `Bearer ${request.key}`, "content-type": "application/json" },
    body: JSON.stringify({
      model: request.model,
      messages: request.messages,
      stream: true,
      stream_options: { include_usage: true },
      ...(request.temperature !== null && { temperature: request.temperature }),
      ...(request.maxTokens !== null && { max_tokens: request.maxTokens }),
    }),
  });
  if (!response.ok || response.body === null) {
    throw refused(await response.json().catch(() => null), response.status);
  }
  const result: ChatResult = {
    requestId: response.headers.get("x-llmg-request-id"),
    provider: response.headers.get("x-llmg-provider"),
    inputTokens: null,
    outputTokens: null,
    costNanoUsd: null,
    firstTokenMs: null,
    totalMs: 0,
  };
  for await (const data of events(response.body)) {
    if (data === "[DONE]") break;
    const chunk = JSON.parse(data) as Chunk;
    if (chunk.error) throw refused(chunk, response.status);
    const text = chunk.choices?.[0]?.delta?.content;
    if (text) {
      result.firstTokenMs ??= performance.now() - started;
      onText(text);
    }
    if (chunk.usage) {
      result.inputTokens = chunk.usage.prompt_tokens ?? null;
      result.outputTokens = chunk.usage.completion_tokens ?? null;
      result.costNanoUsd = chunk.usage.cost_details?.cost_nano_usd ?? null;
    }
  }
  result.totalMs = performance.now() - started;
  return result;
}
