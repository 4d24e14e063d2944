// Made-up answers of the API, the same on every run. For looking at pages; nothing of this is shipped.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.now();
const iso = (ms) => new Date(ms).toISOString();
const hex = (n, length = 32) => n.toString(16).padStart(length, "0");
const usd = (nano) =>
  `${nano < 0 ? "-" : ""}${(BigInt(Math.abs(nano)) / 1_000_000_000n).toString()}.${(BigInt(Math.abs(nano)) % 1_000_000_000n).toString().padStart(9, "0")}`;

function random(seed) {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}

const ORG = `org_${hex(0xa1)}`;
export const PROJECTS = [
  { id: `proj_${hex(0xb1)}`, name: "Default", mode: "credits", cache_enabled: true, cache_ttl_seconds: 3600 },
  { id: `proj_${hex(0xb2)}`, name: "Support assistant", mode: "hybrid", cache_enabled: false, cache_ttl_seconds: 300 },
].map((project) => ({ ...project, created_at: iso(NOW - 90 * DAY), updated_at: iso(NOW - 2 * DAY) }));

const key = (n, name, more = {}) => ({
  id: `key_${hex(0xc0 + n)}`,
  project_id: PROJECTS[n % 2].id,
  name,
  prefix: "llmg_" + ["3kTz", "9Qwa", "Lm2x", "h7Vd"][n],
  last4: ["x9Qa", "77Bc", "pP0e", "Zz3m"][n],
  imported: false,
  status: "active",
  expires_at: null,
  rpm: null,
  tpm: null,
  concurrency: null,
  allowed_models: null,
  rules: {
    allowed_ips: [],
    denied_models: [],
    allowed_providers: [],
    denied_providers: [],
    input_price_max_nano_usd_per_million: null,
    output_price_max_nano_usd_per_million: null,
    tags: [],
    metadata: {},
  },
  created_by: null,
  created_at: iso(NOW - (40 - n * 9) * DAY),
  revoked_at: null,
  last_used_at: iso(NOW - n * 5 * HOUR - 90_000),
  ...more,
});
export const KEYS = [
  key(3, "old laptop", { status: "revoked", revoked_at: iso(NOW - 3 * DAY) }),
  key(1, "support-bot", { rpm: 600, tpm: 200_000 }),
  key(2, "nightly evaluation", {
    concurrency: 8,
    allowed_models: ["gpt-4o-mini", "claude-haiku-4-5"],
    last_used_at: null,
  }),
  key(0, "production", { rpm: 3000 }),
];

const MODELS = [
  { model: "gpt-4o", provider: "openai", in: 2500, out: 10000, share: 5, ms: 1400 },
  { model: "claude-sonnet-4-5", provider: "anthropic", in: 3000, out: 15000, share: 4, ms: 2100 },
  { model: "gpt-4o-mini", provider: "openai", in: 150, out: 600, share: 9, ms: 700 },
  { model: "gemini-2.5-pro", provider: "google-ai-studio", in: 1250, out: 10000, share: 2, ms: 2600 },
  { model: "llama-3.3-70b", provider: "groq", in: 590, out: 790, share: 3, ms: 420 },
  { model: "deepseek-chat", provider: "deepseek", in: 270, out: 1100, share: 1.5, ms: 1800 },
  { model: "mistral-small", provider: "mistral", in: 100, out: 300, share: 1, ms: 800 },
  { model: "grok-4", provider: "xai", in: 3000, out: 15000, share: 0.6, ms: 2300 },
];

function tokens(input, output, cached = 0) {
  return {
    input,
    cached_input: cached,
    cache_write_5m: 0,
    cache_write_1h: 0,
    audio_input: 0,
    output,
    reasoning: Math.floor(output / 5),
    audio_output: 0,
    image_output: 0,
  };
}

function sums(list) {
  const total = (of) => list.reduce((sum, entry) => sum + of(entry), 0);
  const calls = total((e) => e.calls);
  const cost = total((e) => e.cost);
  const charged = total((e) => e.charged);
  return {
    calls,
    settled: calls - total((e) => e.failed),
    voided: total((e) => e.failed),
    orphaned: 0,
    failed: total((e) => e.failed),
    cancelled: 0,
    cache_hits: total((e) => e.hits),
    estimated: 0,
    tokens: tokens(
      total((e) => e.input),
      total((e) => e.output),
      total((e) => e.cached),
    ),
    searches: 0,
    duration_ms_mean: calls === 0 ? null : Math.round(total((e) => e.ms * e.calls) / calls),
    first_token_ms_mean: calls === 0 ? null : Math.round(total((e) => e.ms * 0.3 * e.calls) / calls),
    duration_ms_p50: calls === 0 ? null : Math.round((total((e) => e.ms * e.calls) / calls) * 0.8),
    duration_ms_p95: calls === 0 ? null : Math.round((total((e) => e.ms * e.calls) / calls) * 2.6),
    first_token_ms_p50: calls === 0 ? null : Math.round((total((e) => e.ms * 0.3 * e.calls) / calls) * 0.8),
    first_token_ms_p95: calls === 0 ? null : Math.round((total((e) => e.ms * 0.3 * e.calls) / calls) * 2.6),
    overhead_us_mean: calls === 0 ? null : 412,
    cost_nano_usd: cost,
    cost_usd: usd(cost),
    charged_nano_usd: charged,
    charged_usd: usd(charged),
  };
}

/** What one model did in one hour, the same however it is asked. */
function hourOf(start, index) {
  const model = MODELS[index];
  const rand = random(Math.floor(start / HOUR) * 31 + index * 7919);
  rand();
  const date = new Date(start);
  const day = 0.35 + 0.65 * Math.max(0, Math.sin(((date.getUTCHours() - 5) / 24) * 2 * Math.PI));
  const week = [0, 6].includes(date.getUTCDay()) ? 0.35 : 1;
  const growth = 1 - ((NOW - start) / DAY) * 0.006;
  const calls = Math.round(model.share * 9 * day * week * growth * (0.7 + 0.6 * rand()));
  const input = calls * Math.round(900 + 400 * rand());
  const output = calls * Math.round(250 + 200 * rand());
  const cost = input * model.in + output * model.out;
  return {
    ...{ calls, input, output, cost },
    cached: Math.floor(input * 0.3),
    failed: Math.floor(calls * 0.02 * rand() * 2),
    hits: Math.floor(calls * 0.12 * (0.5 + rand())),
    ms: Math.round(model.ms * (0.85 + 0.3 * rand())),
    charged: index === 1 ? 0 : Math.round(cost * 1.1),
  };
}

const GROUP_OF = {
  none: () => null,
  model: (i) => MODELS[i].model,
  provider: (i) => MODELS[i].provider,
  project: (i) => PROJECTS[i % 2].id,
  api_key: (i) => KEYS[i % 4].id,
  used_mode: (i) => (i === 1 ? "api-keys" : "credits"),
};

export function usage(query, empty) {
  const to = Math.ceil((query.get("to") ? Date.parse(query.get("to")) : NOW) / HOUR) * HOUR;
  const from = Math.floor((query.get("from") ? Date.parse(query.get("from")) : to - 30 * DAY) / HOUR) * HOUR;
  const bucket = query.get("bucket") ?? "day";
  const groupBy = query.get("group_by") ?? "none";
  const rows = new Map();
  const all = [];
  for (let at = from; !empty && at < Math.min(to, NOW); at += HOUR) {
    const start = bucket === "none" ? from : bucket === "day" ? Math.floor(at / DAY) * DAY : at;
    for (let index = 0; index < MODELS.length; index += 1) {
      const hour = hourOf(at, index);
      if (hour.calls === 0) continue;
      const group = GROUP_OF[groupBy](index);
      const id = `${start}|${group}`;
      if (!rows.has(id)) rows.set(id, { start, group, list: [] });
      rows.get(id).list.push(hour);
      all.push(hour);
    }
  }
  return {
    from: iso(from).replace(".000", ""),
    to: iso(to).replace(".000", ""),
    bucket,
    group_by: groupBy,
    totals: sums(all),
    rows: [...rows.values()].map((row) => ({
      bucket_start: iso(row.start).replace(".000", ""),
      group: row.group,
      ...sums(row.list),
    })),
  };
}

function call(n) {
  const rand = random(n * 977 + 13);
  rand();
  const model = MODELS[Math.floor(rand() ** 1.6 * MODELS.length)];
  const started = NOW - n * 97_000 - Math.floor(rand() * 60_000);
  const failed = n % 17 === 5;
  const hit = !failed && n % 9 === 4;
  const rescued = !failed && !hit && n % 11 === 3;
  const input = Math.round(200 + 3000 * rand());
  const output = failed ? 0 : Math.round(40 + 900 * rand());
  const cost = failed || hit ? 0 : input * model.in + output * model.out;
  const own = model.provider === "anthropic";
  const ms = hit ? 3 : Math.round(model.ms * (0.6 + rand()));
  const good = {
    provider: model.provider,
    model: model.model,
    credential: own ? "own" : "platform",
    status: 200,
    error_code: "",
    duration_ms: ms,
  };
  const bad = { ...good, provider: "azure", status: 503, error_code: "upstream_overloaded", duration_ms: 214 };
  const attempts = hit ? [] : failed ? [{ ...bad, provider: model.provider }] : rescued ? [bad, good] : [good];
  const charged = own ? 0 : Math.round(cost * 1.1);
  return {
    id: `req_${hex(0xd000 + n)}`,
    project_id: PROJECTS[n % 2].id,
    api_key_id: KEYS[n % 4].id,
    requested_model: n % 5 === 0 ? `${model.provider}/${model.model}` : model.model,
    model: model.model,
    provider: model.provider,
    dialect: n % 4 === 1 ? "anthropic" : "openai_chat",
    stream: n % 3 !== 0,
    mode: PROJECTS[n % 2].mode,
    used_mode: own ? "api-keys" : "credits",
    outcome: failed ? "voided" : "settled",
    http_status: failed ? 503 : 200,
    error_code: failed ? "upstream_overloaded" : null,
    finish_reason: failed ? null : "stop",
    duration_ms: ms + (rescued ? 214 : 0),
    first_token_ms: n % 3 !== 0 && !failed ? Math.round(ms * 0.3) : null,
    overhead_us: 412,
    cancelled: n % 23 === 7,
    cache: hit ? "hit" : n % 2 === 0 ? "miss" : "off",
    tokens: failed ? tokens(0, 0) : tokens(input, output, Math.floor(input / 3)),
    tokens_source: "provider",
    searches: 0,
    cost_nano_usd: cost,
    cost_usd: usd(cost),
    charged_nano_usd: charged,
    charged_usd: usd(charged),
    started_at: iso(started),
    ended_at: iso(started + ms),
    tags: n % 3 === 0 ? ["chat", "eu"] : [],
    user: n % 4 === 0 ? "user-1042" : null,
    session: null,
    attempts,
    hold_nano_usd: charged * 3,
    hold_usd: usd(charged * 3),
    price_version: 4,
    gateway_id: "gw_1f0c",
    epoch: 12,
    lane: 7,
    seq: 90_000 - n,
    lease_id: own ? null : `lease_${hex(0xe1)}`,
    metadata: n % 3 === 0 ? { feature: "summary" } : null,
    provider_cost_nano_usd: null,
    provider_cost_usd: null,
    upstream_id: failed ? null : `chatcmpl-${hex(n * 7919, 12)}`,
    upstream_status: failed ? 503 : hit ? null : 200,
  };
}

const CALLS = Array.from({ length: 180 }, (_, n) => call(n));

export function calls(query) {
  const start = Number(query.get("cursor") ?? 0);
  const limit = Number(query.get("limit") ?? 50);
  const rows = CALLS.filter(
    (row) =>
      ["model", "provider", "api_key_id", "project_id", "cache", "used_mode"].every(
        (name) => !query.get(name) || query.get(name) === row[name],
      ) &&
      (query.get("failed") === null || row.http_status >= 400 === (query.get("failed") === "true")),
  );
  return {
    data: rows.slice(start, start + limit),
    next_cursor: start + limit < rows.length ? String(start + limit) : null,
  };
}
export const callOf = (id) => CALLS.find((row) => row.id === id);

const money = (name, nano) => ({ [`${name}_nano_usd`]: nano, [`${name}_usd`]: usd(nano) });
export const CREDITS = {
  ...money("credits", 61_482_907_310),
  ...money("leased", 2_000_000_000),
  ...money("spent", 436_517_092_690),
};
export const NO_CREDITS = { ...money("credits", 0), ...money("leased", 0), ...money("spent", 5_000_000_000) };

const budget = (n, more) => {
  const row = {
    id: `bud_${hex(0xe0 + n)}`,
    scope: "organization",
    scope_value: ORG,
    amount_nano_usd: 100e9,
    window: "month",
    time_zone: "UTC",
    enforcement: "hard",
    counts: "cost",
    alerts: [50, 80, 100],
    status: "active",
    spent_nano_usd: 0,
    held_nano_usd: 0,
    calls: 1_000 * n,
    window_started_at: iso(NOW - 12 * DAY),
    resets_at: iso(NOW + 18 * DAY),
    created_at: iso(NOW - 40 * DAY),
    updated_at: iso(NOW - 3 * DAY),
    ...more,
  };
  const remaining = Math.max(0, row.amount_nano_usd - row.spent_nano_usd - row.held_nano_usd);
  return {
    ...row,
    ...money("amount", row.amount_nano_usd),
    ...money("spent", row.spent_nano_usd),
    ...money("held", row.held_nano_usd),
    ...money("remaining", remaining),
  };
};
export const BUDGETS = [
  budget(1, { name: "Everything", spent_nano_usd: 42.5e9, held_nano_usd: 1e9 }),
  budget(2, {
    name: "Support assistant",
    scope: "project",
    scope_value: PROJECTS[1].id,
    amount_nano_usd: 20e9,
    spent_nano_usd: 17.2e9,
    window: "week",
  }),
  budget(3, {
    name: "Nightly evaluation",
    scope: "api_key",
    scope_value: KEYS[2].id,
    amount_nano_usd: 5e9,
    spent_nano_usd: 5.02e9,
    window: "day",
  }),
  budget(4, {
    name: "Pilot",
    scope: "tag",
    scope_value: "pilot",
    enforcement: "soft",
    window: "total",
    status: "disabled",
  }),
].map((row) => (row.window === "total" ? { ...row, window_started_at: null, resets_at: null } : row));

export const PROVIDER_KEYS = [
  {
    provider: "anthropic",
    name: "main account",
    prefix: "sk-ant-",
    last4: "7fQA",
    base_url: null,
    priority: 0,
    weight: 1,
    status: "active",
    last_error: null,
  },
  {
    provider: "openai",
    name: "research",
    prefix: "sk-proj-",
    last4: "Xx21",
    base_url: null,
    priority: 0,
    weight: 3,
    status: "active",
    last_error: null,
  },
  {
    provider: "openai",
    name: "research, second",
    prefix: "sk-proj-",
    last4: "9Lkd",
    base_url: "https://eu.api.openai.com/v1",
    priority: 1,
    weight: 1,
    status: "active",
    last_error: "upstream_authentication",
    last_error_at: iso(NOW - 3 * HOUR),
  },
].map((row, n) => ({
  id: `pkey_${hex(0xf0 + n)}`,
  tested_at: iso(NOW - n * DAY),
  updated_at: iso(NOW - n * DAY),
  created_at: iso(NOW - (n + 2) * 6 * DAY),
  ...row,
}));

export const session = (role) => ({
  id: "s1",
  created_at: iso(NOW - 2 * DAY),
  expires_at: iso(NOW + 28 * DAY),
  user: { id: `user_${hex(1)}`, email: "ada@example.com", name: "Ada Lovelace", is_operator: role === "owner" },
  organizations: [
    { id: ORG, name: "Analytical Engines", role },
    { id: `org_${hex(0xa2)}`, name: "Side project", role: "owner" },
  ],
  organization_id: ORG,
});

const person = (n, name, role, project_ids = null) => ({
  user_id: `user_${hex(n)}`,
  email: `${name.split(" ")[0].toLowerCase()}@example.com`,
  name,
  role,
  project_ids,
  created_at: iso(NOW - (90 - n * 12) * DAY),
});
export const MEMBERS = [
  person(1, "Ada Lovelace", "owner"),
  person(2, "Grace Hopper", "admin"),
  person(3, "Katherine Johnson", "developer", [PROJECTS[1].id]),
  person(4, "Edsger Dijkstra", "billing"),
  person(5, "Hedy Lamarr", "viewer"),
];
export const INVITES = [
  ["alan@example.com", "developer", "pending"],
  ["barbara.with-a-rather-long-name@subsidiary.example.com", "admin", "pending"],
  ["hedy@example.com", "viewer", "accepted"],
  ["john@example.com", "billing", "expired"],
].map(([email, role, status], n) => ({
  id: `inv_${hex(0x10 + n)}`,
  email,
  role,
  status,
  invited_by: MEMBERS[0].user_id,
  created_at: iso(NOW - (n * 5 + 1) * DAY),
  expires_at: iso(NOW - (n * 5 - 6) * DAY),
}));

export const AUDIT = [
  ["api_key.changed", "api_key", KEYS[1].id, { rpm: null, tpm: null }, { rpm: 600, tpm: 200_000 }],
  ["member.role_changed", "member", MEMBERS[1].user_id, { role: "developer" }, { role: "admin" }],
  ["invite.created", "invite", INVITES[0].id, null, { email: "alan@example.com", role: "developer" }],
  ["provider_key.deleted", "provider_key", `pkey_${hex(0xf9)}`, { name: "old account", provider: "openai" }, null],
  ["credits.granted", "transfer", `tr_${hex(7)}`, null, { amount_nano_usd: 25e9, reason: "pilot" }],
].map(([action, kind, id, before, after], n) => ({
  number: 41 - n,
  at: iso(NOW - n * 7 * HOUR - 300_000),
  actor: { kind: "person", id: MEMBERS[n % 2].user_id, email: MEMBERS[n % 2].email },
  action,
  subject: { kind, id },
  before,
  after,
  address: "203.0.113.7",
  user_agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
}));

const AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36";
const PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1";
export const SESSIONS = [
  {
    id: "s1",
    created_at: iso(NOW - 2 * DAY),
    last_used_at: iso(NOW),
    user_agent: AGENT,
    address: "203.0.113.7",
    current: true,
  },
  {
    id: "s2",
    created_at: iso(NOW - 20 * DAY),
    last_used_at: iso(NOW - 6 * HOUR),
    user_agent: PHONE,
    address: "198.51.100.21",
    current: false,
  },
];

const price = (input, output, cached = null) => ({
  currency: "USD",
  unit: "pico_usd_per_token",
  input: input * 1000,
  output: output * 1000,
  cached_input: cached === null ? null : cached * 1000,
  cache_write: null,
  reasoning: null,
  version: 4,
  effective_from: "2026-06-01T00:00:00Z",
  source: "made up",
});
const catalogEntry = ({ model, provider, in: input, out }, n) => ({
  id: model,
  object: "model",
  owned_by: provider,
  aliases: n === 0 ? ["gpt-4o-latest"] : [],
  mode: "chat",
  simulated: false,
  context_window: [128_000, 200_000, 128_000, 1_048_576, 131_072, 64_000, 32_000, 256_000][n],
  max_output_tokens: 16_384,
  input_modalities: n % 2 ? ["text"] : ["text", "image", "file"],
  output_modalities: ["text"],
  capabilities: [
    "tools",
    "json_schema",
    ...(n % 2 ? ["reasoning"] : ["vision", "pdf"]),
    ...(n % 3 ? [] : ["web_search", "prompt_cache"]),
  ],
  providers: [
    {
      provider,
      model,
      region: null,
      available: true,
      context_window: 128_000,
      max_output_tokens: 16_384,
      pricing: price(input, out, input / 10),
    },
    ...(n % 2
      ? []
      : [
          {
            provider: "azure",
            model,
            region: "eu",
            available: n % 4 === 0,
            context_window: 128_000,
            max_output_tokens: 16_384,
            pricing: price(input * 1.1, out * 1.1),
          },
        ]),
  ],
});
const simulated = {
  ...catalogEntry({ model: "sim", provider: "sim", in: 1000, out: 2000 }, 1),
  simulated: true,
};
const embedding = {
  ...catalogEntry({ model: "text-embedding-3-small", provider: "openai", in: 20, out: 0 }, 2),
  mode: "embedding",
  capabilities: [],
};
export const MODELS_LIST = { object: "list", data: [simulated, ...MODELS.map(catalogEntry), embedding] };
