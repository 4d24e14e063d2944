export const LANGUAGES = ["curl", "python", "typescript"] as const;
export type Language = (typeof LANGUAGES)[number];
export const LANGUAGE_NAMES: Record<Language, string> = { curl: "curl", python: "Python", typescript: "TypeScript" };

export interface Snippet {
  baseUrl: string;
  model: string;
  /** Without it the code reads the key from `LLMG_API_KEY`. */
  key: string | null;
  messages?: { role: string; content: string }[];
}

const HELLO = [{ role: "user", content: "Say hello." }];

/** JSON as people write it: one message on the line, or each on its own. It reads the same in all three languages. */
function spaced(messages: { role: string; content: string }[]): string {
  const each = messages.map(
    ({ role, content }) => `{"role": ${JSON.stringify(role)}, "content": ${JSON.stringify(content)}}`,
  );
  return each.length === 1 ? `[${each.join("")}]` : `[\n        ${each.join(",\n        ")}\n    ]`;
}

/** For a shell's single quotes. */
function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

export function snippet(language: Language, { baseUrl, model, key, messages = HELLO }: Snippet): string {
  if (language === "curl") {
    const auth = key === null ? `"Authorization: Bearer $LLMG_API_KEY"` : shellQuoted(`Authorization: Bearer ${key}`);
    const body = shellQuoted(`{
    "model": ${JSON.stringify(model)},
    "messages": ${spaced(messages)}
  }`);
    return `curl ${baseUrl}/chat/completions \\
  -H ${auth} \\
  -H 'Content-Type: application/json' \\
  -d ${body}`;
  }
  if (language === "python") {
    const from = key === null ? `os.environ["LLMG_API_KEY"]` : JSON.stringify(key);
    return `${key === null ? "import os\n" : ""}from openai import OpenAI

client = OpenAI(
    base_url=${JSON.stringify(baseUrl)},
    api_key=${from},
)
answer = client.chat.completions.create(
    model=${JSON.stringify(model)},
    messages=${spaced(messages)},
)
print(answer.choices[0].message.content)`;
  }
  const from = key === null ? "process.env.LLMG_API_KEY" : JSON.stringify(key);
  return `import OpenAI from "openai";

const client = new OpenAI({
  baseURL: ${JSON.stringify(baseUrl)},
  apiKey: ${from},
});
const answer = await client.chat.completions.create({
  model: ${JSON.stringify(model)},
  messages: ${spaced(messages)},
});
console.log(answer.choices[0].message.content);`;
}
