import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api } from "./client";
import { take } from "./errors";
import { allRows } from "./pages";
import type { components, operations } from "./schema";

export type Member = components["schemas"]["MemberOut"];
export type Invitation = components["schemas"]["InviteOut"];
export type ManagementKey = components["schemas"]["ManagementKeyOut"];
export type AuditEvent = components["schemas"]["AuditEventOut"];
export type Letter = components["schemas"]["MailOut"];
export type AuditAsked = Omit<NonNullable<operations["audit_list"]["parameters"]["query"]>, "limit" | "cursor">;

export type Deletion = components["schemas"]["DeletionOut"];

export const organizationQuery = queryOptions({
  queryKey: ["organization"],
  queryFn: () => take(api.GET("/api/v1/organization")),
});

export const billingQuery = queryOptions({
  queryKey: ["billing"],
  queryFn: () => take(api.GET("/api/v1/billing")),
});

export const deletionsQuery = queryOptions({
  queryKey: ["deletions"],
  queryFn: () => allRows((query) => take(api.GET("/api/v1/operator/deletions", { params: { query } }))),
});

export const membersQuery = queryOptions({
  queryKey: ["members"],
  queryFn: () => allRows((query) => take(api.GET("/api/v1/members", { params: { query } }))),
});

export const invitesQuery = infiniteQueryOptions({
  queryKey: ["invites"],
  queryFn: ({ pageParam }) =>
    take(api.GET("/api/v1/invites", { params: { query: { limit: 50, cursor: pageParam ?? undefined } } })),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor ?? undefined,
});

export const managementKeysQuery = queryOptions({
  queryKey: ["management-keys"],
  queryFn: async () =>
    (await allRows((query) => take(api.GET("/api/v1/management-keys", { params: { query } })))).reverse(),
});

export const auditQuery = (query: AuditAsked) =>
  infiniteQueryOptions({
    queryKey: ["audit", query],
    queryFn: ({ pageParam }) =>
      take(api.GET("/api/v1/audit", { params: { query: { ...query, limit: 50, cursor: pageParam ?? undefined } } })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });

export const outboxQuery = infiniteQueryOptions({
  queryKey: ["outbox"],
  queryFn: ({ pageParam }) =>
    take(api.GET("/api/v1/operator/outbox", { params: { query: { limit: 20, cursor: pageParam ?? undefined } } })),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor ?? undefined,
});

export type Person = components["schemas"]["PersonOut"];

export const peopleQuery = (search: string) =>
  infiniteQueryOptions({
    queryKey: ["people", search],
    queryFn: ({ pageParam }) =>
      take(
        api.GET("/api/v1/operator/people", {
          params: { query: { limit: 20, search: search === "" ? undefined : search, cursor: pageParam ?? undefined } },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
