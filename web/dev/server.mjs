// Serves `dist` as the binary does, with the same content security policy, and made-up answers under /api and /v1.
// With LLMG_URL the answers come from that running instance instead.
// The cookie `scenario` changes the answers: empty, refused (empty but for one), forbidden, failing, slow, viewer, out.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import * as made from "./fixtures.mjs";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
  ".txt": "text/plain",
};
export const POLICY =
  "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'";
const UPSTREAM = process.env.LLMG_URL;
const FRESH_KEY = "llmg_1xwa72j10fIx9LJ8AHzLFgyHpEu4R53Gq";
const ANSWER =
  "[simulated] This answer comes from the simulator that is built into llmg, not from a language model. Add a provider key for real answers.";

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function json(response, status, body) {
  response.writeHead(status, {
    "content-type": status < 400 ? "application/json" : "application/problem+json",
    "cache-control": "no-store",
  });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

function problem(response, status, code, detail, param = null) {
  json(response, status, {
    type: `/api/docs#error-${code}`,
    title: code,
    status,
    detail,
    code,
    param,
    request_id: "req_01a1fbdec31e729f9c887b0150891183",
  });
}

async function bodyOf(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return parts.length === 0 ? {} : JSON.parse(Buffer.concat(parts).toString());
}

async function stream(response) {
  response.writeHead(200, {
    "content-type": "text/event-stream",
    "x-llmg-request-id": made.calls(new URLSearchParams()).data[0].id,
    "x-llmg-provider": "sim",
  });
  for (const word of ANSWER.split(/(?<= )/)) {
    response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: word } }], usage: null })}\n\n`);
    await later(20);
  }
  const usage = { prompt_tokens: 9, completion_tokens: 24, cost_details: { cost_nano_usd: 57_000 } };
  response.end(`data: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`);
}

/** Log-in and what has no place in a running instance yet. True when it answered. */
async function account(route, request, response, scenario, loggedIn) {
  const session = made.session(scenario === "viewer" ? "viewer" : "owner");
  switch (route) {
    case "GET /api/v1/auth/settings":
      return (
        json(response, 200, {
          signup: scenario === "closed" ? "closed" : "open",
          first: false,
          log_in: true,
          version: "0.1.0",
        }),
        true
      );
    case "GET /api/v1/auth/session":
      return (loggedIn ? json(response, 200, session) : problem(response, 401, "no_session", "Log in first."), true);
    case "POST /api/v1/auth/log-in":
    case "POST /api/v1/auth/sign-up": {
      const { password } = await bodyOf(request);
      if (password === "wrong password")
        return (problem(response, 401, "invalid_credentials", "E-mail and password do not match."), true);
      response.setHeader("set-cookie", "fixture=1; Path=/; HttpOnly; SameSite=Lax");
      return (json(response, 200, session), true);
    }
    case "POST /api/v1/auth/log-out":
      response.setHeader("set-cookie", "fixture=; Path=/; Max-Age=0");
      return (response.writeHead(204).end(), true);
    case "GET /api/v1/auth/sessions":
      return (json(response, 200, { data: made.SESSIONS }), true);
    case "POST /api/v1/auth/invites/accept":
      return (
        problem(
          response,
          403,
          "permission_denied",
          "This invitation is for another e-mail address: log in or sign up with the one that got it.",
          "invite",
        ),
        true
      );
    case "POST /api/v1/auth/password":
      return (response.writeHead(204).end(), true);
    case "GET /api/v1/budgets":
      return (json(response, 200, { data: ["empty", "refused"].includes(scenario) ? [] : made.BUDGETS }), true);
    case "POST /api/v1/budgets":
      return (json(response, 201, made.BUDGETS[0]), true);
    case "GET /api/v1/provider-keys":
      return (json(response, 200, { data: ["empty", "refused"].includes(scenario) ? [] : made.PROVIDER_KEYS }), true);
    case "POST /api/v1/provider-keys":
      return (json(response, 201, made.PROVIDER_KEYS[0]), true);
    case "POST /api/v1/provider-keys/test": {
      const { key } = await bodyOf(request);
      return (
        json(
          response,
          200,
          key === "bad"
            ? { verdict: "refused", detail: "OpenAI refuses this key" }
            : { verdict: "works", detail: "OpenAI takes this key" },
        ),
        true
      );
    }
  }
  if (/^DELETE \/api\/v1\/(auth\/sessions|provider-keys)\//.test(route)) return (response.writeHead(204).end(), true);
  if (/^POST \/api\/v1\/api-keys\/[^/]+\/rotate$/.test(route)) return (json(response, 200, { key: FRESH_KEY }), true);
  if (/^PATCH \/api\/v1\/(provider|api)-keys\//.test(route)) return (json(response, 200, {}), true);
  return false;
}

async function answer(route, url, response, empty) {
  const call = /^GET \/api\/v1\/calls\/(.+)$/.exec(route);
  if (call) {
    const found = made.callOf(call[1]);
    return found
      ? json(response, 200, found)
      : problem(response, 404, "not_found", "there is no such call in this organization");
  }
  switch (route) {
    case "GET /api/v1/usage":
      return json(response, 200, made.usage(url.searchParams, empty));
    case "GET /api/v1/calls":
      return json(
        response,
        200,
        empty ? { data: [], has_more: false, next_cursor: null } : made.calls(url.searchParams),
      );
    case "GET /api/v1/api-keys":
      return json(response, 200, { data: empty ? [] : made.KEYS, has_more: false, next_cursor: null });
    case "POST /api/v1/api-keys":
      return json(response, 201, { ...made.KEYS[3], key: FRESH_KEY });
    case "GET /api/v1/members":
      return json(response, 200, { data: empty ? made.MEMBERS.slice(0, 1) : made.MEMBERS });
    case "GET /api/v1/audit":
      return json(response, 200, { data: empty ? [] : made.AUDIT, next_cursor: empty ? null : "36" });
    case "GET /api/v1/invites":
      return json(response, 200, { data: empty ? [] : made.INVITES, has_more: false, next_cursor: null });
    case "POST /api/v1/invites":
      return json(response, 201, made.INVITES[0]);
    case "GET /api/v1/projects":
      return json(response, 200, { data: made.PROJECTS });
    case "GET /api/v1/credits":
      return json(response, 200, empty ? made.NO_CREDITS : made.CREDITS);
    case "POST /api/v1/credits/grants":
      return json(response, 201, {
        id: "tr_1",
        organization_id: "org_1",
        amount_nano_usd: 25e9,
        amount_usd: "25.000000000",
        created: true,
        balance: made.CREDITS,
      });
    case "GET /v1/models":
      return json(response, 200, made.MODELS_LIST);
    case "POST /v1/chat/completions":
      return stream(response);
  }
  if (route.startsWith("PATCH /api/v1/projects/")) return json(response, 200, made.PROJECTS[0]);
  if (/^DELETE \/api\/v1\/api-keys\//.test(route)) return json(response, 200, made.KEYS[3]);
  return problem(response, 404, "not_found", `there is nothing at ${url.pathname}`);
}

/** The instance sees its own address, because it takes changes from no other. */
async function proxied(request, response, url) {
  const headers = Object.fromEntries(
    ["accept", "authorization", "content-type", "cookie", "idempotency-key", "user-agent", "x-llmg-organization"]
      .filter((name) => request.headers[name])
      .map((name) => [name, request.headers[name]]),
  );
  if (request.headers.origin) headers.origin = UPSTREAM;
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = parts.length === 0 ? undefined : Buffer.concat(parts);
  const answered = await fetch(UPSTREAM + url.pathname + url.search, { method: request.method, headers, body });
  const kept = [...answered.headers].filter(
    ([name]) => ["content-type", "set-cookie"].includes(name) || name.startsWith("x-llmg"),
  );
  response.writeHead(answered.status, Object.fromEntries(kept));
  for await (const part of answered.body ?? []) response.write(part);
  response.end();
}

async function file(response, path) {
  const wanted = normalize(join(DIST, path));
  const isFile = wanted.startsWith(DIST) && extname(wanted) !== "";
  const bytes = isFile ? await readFile(wanted).catch(() => null) : await readFile(join(DIST, "index.html"));
  if (bytes === null) return problem(response, 404, "not_found", "no such file");
  response.writeHead(200, {
    "content-type": TYPES[isFile ? extname(wanted) : ".html"] ?? "application/octet-stream",
    "content-security-policy": POLICY,
    "cache-control": path.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
  });
  response.end(bytes);
}

export const server = createServer((request, response) => {
  void (async () => {
    const url = new URL(request.url, "http://localhost");
    const cookies = Object.fromEntries((request.headers.cookie ?? "").split("; ").map((pair) => pair.split("=")));
    const { scenario } = cookies;
    if (!/^\/(api|v1)\//.test(url.pathname)) return file(response, url.pathname);
    if (UPSTREAM) return proxied(request, response, url);
    const route = `${request.method} ${url.pathname}`;
    if (await account(route, request, response, scenario, cookies.fixture === "1")) return;
    if (scenario === "forbidden")
      return problem(response, 403, "permission_denied", "Your role, billing, does not include this.");
    if (scenario === "failing")
      return problem(response, 503, "store_unavailable", "The store does not answer. Try again in a moment.");
    if (scenario === "out") return problem(response, 401, "no_session", "Log in again.");
    if (scenario === "slow") await later(60_000);
    if (scenario === "refused" && url.pathname === "/api/v1/calls") {
      const refused = made.calls(new URLSearchParams("failed=true&limit=1"));
      return json(response, 200, {
        data: url.searchParams.has("failed") ? [] : refused.data,
        has_more: false,
        next_cursor: null,
      });
    }
    return answer(route, url, response, ["empty", "refused"].includes(scenario));
  })().catch((error) => problem(response, 500, "fixture_error", String(error)));
});

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const port = Number(process.env.PORT ?? 4000);
  server.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
}
