import { queryOptions } from "@tanstack/react-query";
import { ApiError, unreachable } from "./errors";

/** Prices are integers of pico-USD per token. */
export interface Pricing {
  input: number;
  output: number;
  cached_input: number | null;
  cache_write: number | null;
  reasoning: number | null;
  version: number;
  effective_from: string;
  source: string;
}

export interface ModelProvider {
  provider: string;
  model: string;
  region: string | null;
  available: boolean;
  context_window: number | null;
  max_output_tokens: number | null;
  pricing: Pricing | null;
}

export interface Model {
  id: string;
  owned_by: string;
  aliases: string[];
  mode: string;
  simulated: boolean;
  context_window: number | null;
  max_output_tokens: number | null;
  input_modalities: string[];
  output_modalities: string[];
  capabilities: string[];
  providers: ModelProvider[];
}

/** The gateway's own list. It is open, and no part of the management API. */
async function fetchModels(): Promise<Model[]> {
  const response = await fetch("/v1/models").catch(() => {
    throw unreachable();
  });
  if (!response.ok) throw new ApiError(response.status, { detail: "The list of models could not be read." });
  return ((await response.json()) as { data: Model[] }).data;
}

export const modelsQuery = queryOptions({ queryKey: ["models"], queryFn: fetchModels, staleTime: 300_000 });

/** The cheapest price among the providers that can be called; of all when none can. */
export function bestPrice(model: Model): Pricing | null {
  const priced = model.providers.filter((provider) => provider.pricing !== null);
  const open = priced.filter((provider) => provider.available);
  const prices = (open.length > 0 ? open : priced).flatMap((provider) => provider.pricing ?? []);
  return prices.sort((a, b) => a.input + a.output - (b.input + b.output))[0] ?? null;
}

/** The model that a first call uses: the simulated one, because it answers without any provider. */
export function firstModel(models: Model[]): string {
  const chat = models.filter((model) => model.mode === "chat");
  return (chat.find((model) => model.simulated) ?? chat[0])?.id ?? "sim";
}
