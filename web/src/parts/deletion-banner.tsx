import { useQuery } from "@tanstack/react-query";
import { useRouteContext } from "@tanstack/react-router";
import { Trash2 } from "lucide-react";
import { organizationQuery } from "@/api/people";
import { formatMoment } from "@/lib/dates";
import { Button } from "@/ui/button";
import { useKeepOrganization } from "./use-keep-organization";

/** On every page of an organization that is being deleted. */
export function DeletionBanner() {
  const session = useRouteContext({ from: "/dashboard", select: (context) => context.session });
  const membership = session.organizations.find(({ id }) => id === session.organization_id);
  const owns = membership?.role === "owner";
  const { data } = useQuery({ ...organizationQuery, enabled: owns && membership.deleting });
  const keep = useKeepOrganization();
  if (membership?.deleting !== true) return null;
  return (
    <div
      role="status"
      className="flex flex-wrap items-center gap-x-3 gap-y-2 border-b border-line bg-sunken px-4 py-2.5"
    >
      <Trash2 aria-hidden className="size-4 shrink-0 text-bad" />
      <p className="min-w-0 flex-1 text-ink-2">
        {membership.name} is being deleted: its keys have stopped
        {data?.deletion == null ? "." : `, and everything is erased on ${formatMoment(data.deletion.purge_at)}.`}
        {!owns && " Its owners can take that back."}
      </p>
      {owns && (
        <Button busy={keep.isPending} onClick={() => keep.mutate()}>
          Take it back
        </Button>
      )}
    </div>
  );
}
