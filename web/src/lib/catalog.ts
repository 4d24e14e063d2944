import { bestPrice, type Model } from "@/api/models";
import type { CatalogSearch } from "./search";

export const MODE_LABELS: Record<string, string> = {
  chat: "Chat",
  responses: "Responses",
  completion: "Completion",
  embedding: "Embeddings",
  image: "Images",
  transcription: "Transcription",
  speech: "Speech",
  moderation: "Moderation",
  rerank: "Rerank",
};

export const CAPABILITY_LABELS: Record<string, string> = {
  tools: "Tools",
  vision: "Vision",
  reasoning: "Reasoning",
  json_schema: "JSON schema",
  prompt_cache: "Prompt cache",
  web_search: "Web search",
  pdf: "PDF",
  audio_input: "Audio in",
  audio_output: "Audio out",
  video_input: "Video",
  image_output: "Image out",
  computer_use: "Computer use",
};

/** The values that a filter can take, most frequent first. */
export function options(models: Model[], of: (model: Model) => string[]): string[] {
  const counts = new Map<string, number>();
  for (const value of models.flatMap((model) => [...new Set(of(model))]))
    counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts.entries()].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([value]) => value);
}

/** Every word of the search must be in the id, an alias, the owner or a provider. */
export function matching(models: Model[], { q, mode, provider, can }: CatalogSearch): Model[] {
  const words = (q ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  return models.filter((model) => {
    if (mode !== undefined && model.mode !== mode) return false;
    if (provider !== undefined && !model.providers.some((entry) => entry.provider === provider)) return false;
    if (can !== undefined && !model.capabilities.includes(can)) return false;
    const text = [model.id, model.owned_by, ...model.aliases, ...model.providers.map((entry) => entry.provider)]
      .join(" ")
      .toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

export const inputPrice = (model: Model) => bestPrice(model)?.input ?? Number.MAX_SAFE_INTEGER;
export const outputPrice = (model: Model) => bestPrice(model)?.output ?? Number.MAX_SAFE_INTEGER;
