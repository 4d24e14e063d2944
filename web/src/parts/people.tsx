import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { peopleQuery, type Person } from "@/api/people";
import { FormError } from "@/layout/auth";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card, CardHead } from "@/ui/card";
import { TextField } from "@/ui/field";
import { Bone, Loaded } from "@/ui/states";

type Change = { disabled?: boolean; is_operator?: boolean };

function Row({ person, own }: { person: Person; own: boolean }) {
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: (body: Change) =>
      take(api.PATCH("/api/v1/operator/people/{id}", { params: { path: { id: person.id } }, body })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["people"] }),
  });
  const unlock = useMutation({
    mutationFn: () =>
      take(api.DELETE("/api/v1/operator/people/{id}/second-factor", { params: { path: { id: person.id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["people"] }),
  });
  const error = change.error ?? unlock.error;
  return (
    <li className="space-y-2 px-4 py-3 sm:px-5">
      <div className="flex flex-wrap items-center gap-2">
        <span className="min-w-0 flex-1 basis-56 break-all">{person.email}</span>
        {person.is_operator && <Badge>Operator</Badge>}
        {person.disabled && <Badge tone="warn">Switched off</Badge>}
        {person.second_factor && (
          <Button disabled={own} busy={unlock.isPending} onClick={() => unlock.mutate()}>
            Remove second factor
          </Button>
        )}
        <Button
          disabled={own}
          busy={change.isPending}
          onClick={() => change.mutate({ is_operator: !person.is_operator })}
        >
          {person.is_operator ? "Unname operator" : "Name operator"}
        </Button>
        <Button disabled={own} busy={change.isPending} onClick={() => change.mutate({ disabled: !person.disabled })}>
          {person.disabled ? "Switch on" : "Switch off"}
        </Button>
      </div>
      {error && <FormError>{error.message}</FormError>}
    </li>
  );
}

/** Everybody who has an account; one's own row cannot be changed here by mistake. */
export function People({ self }: { self: string }) {
  const [search, setSearch] = useState("");
  const people = useInfiniteQuery(peopleQuery(search.trim()));
  return (
    <Card>
      <CardHead
        title="People"
        note="Whoever is switched off is logged out at once, and management keys of theirs open nothing."
      />
      <div className="p-4 sm:p-5">
        <TextField
          label="Search by e-mail"
          type="search"
          autoComplete="off"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
      </div>
      <Loaded query={people} loading={<Bone className="m-4 h-24" />}>
        {({ pages }) => {
          const rows = pages.flatMap((page) => page.data);
          return (
            <>
              <ul className="divide-y divide-line border-t border-line">
                {rows.map((person) => (
                  <Row key={person.id} person={person} own={person.id === self} />
                ))}
              </ul>
              {rows.length === 0 && <p className="px-4 pb-5 text-ink-2 sm:px-5">Nobody has such an address.</p>}
              {people.hasNextPage && (
                <div className="p-4">
                  <Button busy={people.isFetchingNextPage} onClick={() => void people.fetchNextPage()}>
                    Show more
                  </Button>
                </div>
              )}
            </>
          );
        }}
      </Loaded>
    </Card>
  );
}
