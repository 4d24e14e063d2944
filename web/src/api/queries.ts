import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { noteHere, wasHere } from "@/lib/was-here";
import { api } from "./client";
import { ApiError, take } from "./errors";
import { allRows } from "./pages";
import type { components, operations } from "./schema";

export type ApiKey = components["schemas"]["ApiKeyOut"];
export type Call = components["schemas"]["CallOut"];
export type CallDetail = components["schemas"]["CallDetailOut"];
export type Attempt = components["schemas"]["AttemptOut"];
export type Credits = components["schemas"]["CreditsOut"];
export type Project = components["schemas"]["ProjectOut"];
export type Sums = components["schemas"]["SumsOut"];
export type UsageRow = components["schemas"]["UsageRowOut"];
export type Usage = components["schemas"]["UsageOut"];
export type Session = components["schemas"]["AuthSessionOut"];
export type Role = components["schemas"]["MembershipOut"]["role"];
export type AuthSettings = components["schemas"]["AuthSettingsOut"];
export type BrowserSession = components["schemas"]["SessionOut"];
export type Identity = components["schemas"]["IdentityOut"];
export type ProviderKey = components["schemas"]["ProviderKeyOut"];
export type Budget = components["schemas"]["BudgetOut"];
export type BudgetNew = components["schemas"]["BudgetIn"];
export type ProviderKeyTest = components["schemas"]["ProviderKeyTestOut"];
export type UsageAsked = NonNullable<operations["usage_get"]["parameters"]["query"]>;
export type CallsAsked = Omit<NonNullable<operations["call_list"]["parameters"]["query"]>, "limit" | "cursor">;

/** Null when nobody is logged in. */
export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: async () => {
    try {
      const session = await take(api.GET("/api/v1/auth/session"));
      noteHere(true);
      return session;
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        noteHere(false);
        return null;
      }
      throw error;
    }
  },
  staleTime: 60_000,
});

/** For pages that are open to all. */
export const sessionHintQuery = queryOptions({ ...sessionQuery, enabled: wasHere });

export const authSettingsQuery = queryOptions({
  queryKey: ["auth-settings"],
  queryFn: () => take(api.GET("/api/v1/auth/settings")),
  staleTime: 300_000,
});

export const browserSessionsQuery = queryOptions({
  queryKey: ["browser-sessions"],
  queryFn: () => allRows((query) => take(api.GET("/api/v1/auth/sessions", { params: { query } }))),
});

export const secondFactorQuery = queryOptions({
  queryKey: ["second-factor"],
  queryFn: () => take(api.GET("/api/v1/auth/second-factor")),
});

export const identitiesQuery = queryOptions({
  queryKey: ["identities"],
  queryFn: async () => (await take(api.GET("/api/v1/auth/identities"))).data,
});

export const usageQuery = (query: UsageAsked) =>
  queryOptions({
    queryKey: ["usage", query],
    queryFn: () => take(api.GET("/api/v1/usage", { params: { query } })),
    placeholderData: keepPreviousData,
    staleTime: 15_000,
  });

export const callsQuery = (query: CallsAsked) =>
  infiniteQueryOptions({
    queryKey: ["calls", query],
    queryFn: ({ pageParam }) =>
      take(api.GET("/api/v1/calls", { params: { query: { ...query, limit: 50, cursor: pageParam ?? undefined } } })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });

export const callQuery = (id: string) =>
  queryOptions({
    queryKey: ["call", id],
    queryFn: () => take(api.GET("/api/v1/calls/{id}", { params: { path: { id } } })),
    staleTime: Infinity,
  });

async function newestCall(failed?: boolean): Promise<Call | null> {
  const page = await take(api.GET("/api/v1/calls", { params: { query: { limit: 1, failed } } }));
  return page.data[0] ?? null;
}

/** A call that went well, or else the newest that did not. Asked again every two seconds until one went well. */
export const firstCallQuery = queryOptions({
  queryKey: ["first-call"],
  queryFn: async () => (await newestCall(false)) ?? (await newestCall()),
  refetchInterval: (query) => (query.state.data && query.state.data.http_status < 400 ? false : 2000),
});

export const apiKeysQuery = queryOptions({
  queryKey: ["api-keys"],
  queryFn: async () => (await allRows((query) => take(api.GET("/api/v1/api-keys", { params: { query } })))).reverse(),
});

export const projectsQuery = queryOptions({
  queryKey: ["projects"],
  queryFn: () => allRows((query) => take(api.GET("/api/v1/projects", { params: { query } }))),
});

export const creditsQuery = queryOptions({
  queryKey: ["credits"],
  queryFn: () => take(api.GET("/api/v1/credits")),
});

export const budgetsQuery = queryOptions({
  queryKey: ["budgets"],
  queryFn: () => allRows((query) => take(api.GET("/api/v1/budgets", { params: { query } }))),
});

export const providerKeysQuery = queryOptions({
  queryKey: ["provider-keys"],
  queryFn: () => allRows((query) => take(api.GET("/api/v1/provider-keys", { params: { query } }))),
});
