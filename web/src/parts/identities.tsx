import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { authSettingsQuery, identitiesQuery, type Identity } from "@/api/queries";
import { useSession } from "@/api/session";
import { formatAgo, formatDay } from "@/lib/dates";
import { useNow } from "@/lib/use-now";
import { Button } from "@/ui/button";
import { Card, CardHead } from "@/ui/card";
import { Loaded } from "@/ui/states";
import { toast } from "@/ui/toast";

function IdentityLine({ entry, only }: { entry: Identity; only: boolean }) {
  const client = useQueryClient();
  const now = useNow();
  const unlink = useMutation({
    mutationFn: () => take(api.DELETE("/api/v1/auth/identities/{id}", { params: { path: { id: entry.id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: identitiesQuery.queryKey }),
    onError: (error) => toast(error.message, "bad"),
  });
  const used = `used ${formatAgo(entry.last_used_at, now)}`;
  return (
    <li className="flex items-center justify-between gap-4 px-4 py-3 sm:px-5">
      <div className="min-w-0">
        <p className="font-medium wrap-anywhere">{entry.name}</p>
        <p className="mt-0.5 text-sm wrap-anywhere text-ink-3">
          {[entry.email, used, `since ${formatDay(entry.created_at)}`].filter(Boolean).join(", ")}
        </p>
        {only && (
          <p className="mt-0.5 text-sm text-ink-3">It is your only way in: set a password before you unlink it.</p>
        )}
      </div>
      <Button
        size="small"
        disabled={only}
        busy={unlink.isPending}
        onClick={() => unlink.mutate()}
        aria-label={`Unlink ${entry.name}`}
      >
        Unlink
      </Button>
    </li>
  );
}

/** Accounts elsewhere that let the person in. Nothing is shown where there can be none. */
export function Identities() {
  const { user } = useSession();
  const settings = useQuery(authSettingsQuery);
  const identities = useQuery(identitiesQuery);
  const link = useMutation({
    mutationFn: (provider: string) => take(api.POST("/api/v1/auth/identities/begin", { body: { provider } })),
    onSuccess: ({ url }) => window.location.assign(url),
    onError: (error) => toast(error.message, "bad"),
  });
  const providers = settings.data?.sign_in ?? [];
  if (providers.length === 0 && (identities.data ?? []).length === 0) return null;
  return (
    <Card>
      <CardHead title="Log in with" note="Accounts elsewhere that let you in here." />
      <Loaded query={identities}>
        {(list) => {
          const open = providers.filter(({ id }) => !list.some((entry) => entry.provider === id));
          return (
            <>
              <ul className="divide-y divide-line">
                {list.map((entry) => (
                  <IdentityLine key={entry.id} entry={entry} only={!user.has_password && list.length === 1} />
                ))}
              </ul>
              {open.length > 0 && (
                <div className="flex flex-wrap gap-2 p-4 not-first:border-t not-first:border-line sm:p-5">
                  {open.map(({ id, name }) => (
                    <Button
                      key={id}
                      busy={link.isPending && link.variables === id}
                      disabled={link.isPending}
                      onClick={() => link.mutate(id)}
                    >
                      Link {name}
                    </Button>
                  ))}
                </div>
              )}
            </>
          );
        }}
      </Loaded>
    </Card>
  );
}
