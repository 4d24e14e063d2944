import { useQuery } from "@tanstack/react-query";
import { deletionsQuery, type Deletion } from "@/api/people";
import { formatMoment } from "@/lib/dates";
import { Card, CardHead } from "@/ui/card";
import { Loaded } from "@/ui/states";

function state({ purge_at, purged_at }: Deletion): string {
  return purged_at == null ? `to be erased ${formatMoment(purge_at)}` : `erased ${formatMoment(purged_at)}`;
}

/** Organizations that their owners deleted, for who runs the instance. */
export function Deletions() {
  const deletions = useQuery(deletionsQuery);
  return (
    <Card>
      <CardHead
        title="Deleted organizations"
        note="Their keys have stopped. Owners can take it back until they are erased."
      />
      <Loaded query={deletions}>
        {(list) =>
          list.length === 0 ? (
            <p className="p-4 text-ink-3 sm:p-5">None.</p>
          ) : (
            <ul className="divide-y divide-line">
              {list.map((row) => (
                <li
                  key={row.organization_id}
                  className="flex flex-wrap justify-between gap-x-4 gap-y-1 px-4 py-3 sm:px-5"
                >
                  <span className="min-w-0 truncate font-medium">{row.name ?? row.organization_id}</span>
                  <span className="text-ink-3">{state(row)}</span>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Card>
  );
}
