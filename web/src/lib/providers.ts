/** Providers that a key can be added for. The server decides; this is the order in which people look for them. */
export const PROVIDERS: { id: string; name: string }[] = [
  { id: "openai", name: "OpenAI" },
  { id: "anthropic", name: "Anthropic" },
  { id: "google-ai-studio", name: "Google AI Studio" },
  { id: "google-vertex", name: "Google Vertex AI" },
  { id: "aws-bedrock", name: "AWS Bedrock" },
  { id: "azure", name: "Azure OpenAI" },
  { id: "mistral", name: "Mistral" },
  { id: "groq", name: "Groq" },
  { id: "deepseek", name: "DeepSeek" },
  { id: "xai", name: "xAI" },
  { id: "cohere", name: "Cohere" },
  { id: "together", name: "Together" },
  { id: "fireworks", name: "Fireworks" },
  { id: "perplexity", name: "Perplexity" },
  { id: "openrouter", name: "OpenRouter" },
  { id: "ollama", name: "Ollama" },
];

/** Short keys show neither their beginning nor their end. */
export function maskedKey({ prefix, last4 }: { prefix: string; last4: string }): string {
  return prefix === "" && last4 === "" ? "••••••••" : `${prefix}…${last4}`;
}

export function providerName(id: string): string {
  return PROVIDERS.find((provider) => provider.id === id)?.name ?? id;
}
