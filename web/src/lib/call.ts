import type { Call } from "@/api/queries";
import type { Tone } from "@/ui/badge";

/** How a call ended, in a word and a colour. */
export function callStatus(call: Call): { text: string; tone: Tone } {
  if (call.outcome === "orphaned") return { text: "Orphaned", tone: "warn" };
  if (call.cancelled) return { text: "Cancelled", tone: "warn" };
  if (call.http_status >= 400) return { text: String(call.http_status), tone: "bad" };
  return { text: String(call.http_status), tone: "good" };
}

export const DIALECTS: Record<string, string> = {
  openai_chat: "OpenAI Chat Completions",
  openai_responses: "OpenAI Responses",
  anthropic: "Anthropic Messages",
  gemini: "Gemini",
};
