import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Download, ScrollText } from "lucide-react";
import { useMemo, useState } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { auditQuery, membersQuery, type AuditEvent } from "@/api/people";
import { may, useSession } from "@/api/session";
import { ACTIONS, actionName } from "@/lib/audit";
import { downloadBlob } from "@/lib/csv";
import { formatMoment } from "@/lib/dates";
import type { AuditSearch } from "@/lib/search";
import { useNow } from "@/lib/use-now";
import { AuditDetail } from "@/parts/audit-detail";
import { memberName } from "@/parts/member-dialogs";
import { TextFilter } from "@/parts/text-filter";
import { RangePicker, rangeOf } from "@/parts/range-picker";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { SelectField } from "@/ui/field";
import { Page } from "@/ui/page";
import { Empty, Loaded, NoMatch, NotPermitted } from "@/ui/states";
import { DataTable, ROW_LINK, type Column } from "@/ui/table";
import { toast } from "@/ui/toast";

const actorName = ({ email, id }: AuditEvent["actor"]) => email ?? id;

const NONE = { actor: undefined, action: undefined, text: undefined };

function Filters({ search, onChange }: { search: AuditSearch; onChange: (change: Partial<AuditSearch>) => void }) {
  const { data: members = [] } = useQuery(membersQuery);
  const chosen = (value: string) => (value === "" ? undefined : value);
  const { actor, action, text } = search;
  return (
    <div
      role="search"
      aria-label="Filter the audit log"
      className="grid grid-cols-2 gap-2 border-b border-line p-3 sm:p-4 md:flex md:flex-wrap md:[&>*]:w-52"
    >
      <SelectField
        bare
        label="Actor"
        value={actor ?? ""}
        onChange={(event) => onChange({ actor: chosen(event.target.value) })}
      >
        <option value="">Anybody</option>
        {actor !== undefined && members.every(({ user_id }) => user_id !== actor) && (
          <option value={actor}>{actor}</option>
        )}
        {members.map((member) => (
          <option key={member.user_id} value={member.user_id}>
            {memberName(member)}
          </option>
        ))}
      </SelectField>
      <SelectField
        bare
        label="Action"
        value={action ?? ""}
        onChange={(event) => onChange({ action: chosen(event.target.value) })}
      >
        <option value="">Any action</option>
        {action !== undefined && ACTIONS.every((known) => known !== action) && (
          <option value={action}>{actionName(action)}</option>
        )}
        {ACTIONS.map((known) => (
          <option key={known} value={known}>
            {actionName(known)}
          </option>
        ))}
      </SelectField>
      <div className="max-md:col-span-2">
        <TextFilter label="Search" value={text ?? ""} onChange={(found) => onChange({ text: found })} />
      </div>
      {(actor ?? action ?? text) !== undefined && (
        <Button kind="quiet" className="md:w-auto!" onClick={() => onChange(NONE)}>
          Clear filters
        </Button>
      )}
    </div>
  );
}

function columnsOf(onOpen: (event: AuditEvent) => void): Column<AuditEvent>[] {
  return [
    {
      id: "time",
      header: "Time",
      from: "sm",
      cell: ({ at }) => (
        <time dateTime={at} className="text-ink-2">
          {formatMoment(at)}
        </time>
      ),
    },
    {
      id: "action",
      header: "Action",
      grow: true,
      cell: (event) => (
        <div className="min-w-0">
          <button type="button" className={`${ROW_LINK} max-w-full truncate font-medium`} onClick={() => onOpen(event)}>
            {actionName(event.action)}
          </button>
          <span className="block truncate text-sm text-ink-3">
            <span className="sm:hidden">{`${formatMoment(event.at)}, ${actorName(event.actor)}`}</span>
            <span className="hidden font-mono text-xs sm:inline">{event.subject.id}</span>
          </span>
        </div>
      ),
    },
    {
      id: "actor",
      header: "By",
      from: "sm",
      cell: ({ actor }) => <span className="block max-w-56 truncate text-ink-2">{actorName(actor)}</span>,
    },
    {
      id: "address",
      header: "From",
      from: "lg",
      cell: ({ address }) => <span className="text-ink-2">{address ?? "–"}</span>,
    },
  ];
}

function Log() {
  const route = getRouteApi("/dashboard/settings/audit-log");
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const set = (change: Partial<AuditSearch>) =>
    void navigate({ search: (old) => ({ ...old, ...change }), replace: true });
  const now = useNow();
  const { from, to: end } = rangeOf(search, now, "30d");
  const query = {
    actor: search.actor,
    action: search.action,
    text: search.text,
    from,
    // Only an own range has an end: new lines must show up.
    to: search.to === undefined ? undefined : end,
  };
  const log = useInfiniteQuery(auditQuery(query));
  const [open, setOpen] = useState<AuditEvent | null>(null);
  const columns = useMemo(() => columnsOf(setOpen), []);
  const file = useMutation({
    mutationFn: async (format: "csv" | "jsonl") => {
      const file = await take(
        api.GET("/api/v1/audit/export", { params: { query: { ...query, format } }, parseAs: "blob" }),
      );
      downloadBlob(`audit-log.${format}`, file);
    },
    onError: (error) => toast(error.message, "bad"),
  });
  return (
    <Page
      title="Audit log"
      note="Who changed what in this organization, newest first, times in your zone. Never a secret."
      actions={
        <>
          <RangePicker search={search} fallback="30d" onChange={set} />
          <Button busy={file.isPending} onClick={() => file.mutate("csv")}>
            {!file.isPending && <Download aria-hidden />} CSV
          </Button>
          <Button busy={file.isPending} onClick={() => file.mutate("jsonl")}>
            {!file.isPending && <Download aria-hidden />} JSON Lines
          </Button>
        </>
      }
    >
      <Card>
        <Filters search={search} onChange={set} />
        <Loaded query={log}>
          {({ pages }) => {
            const rows = pages.flatMap((page) => page.data);
            // A search goes through a part of the log at a time, and may find something further back.
            if (rows.length === 0 && !log.hasNextPage && (search.actor ?? search.action ?? search.text) !== undefined)
              return <NoMatch onClear={() => set(NONE)} />;
            if (rows.length === 0 && !log.hasNextPage) {
              return (
                <Empty icon={ScrollText} title="Nothing changed in this time">
                  Every change of keys, members, projects and credits gets a line here.
                </Empty>
              );
            }
            return (
              <>
                <DataTable open label="Audit log" columns={columns} rows={rows} rowId={(row) => String(row.number)} />
                {log.hasNextPage && (
                  <div className="border-t border-line p-3 text-center">
                    <Button kind="quiet" busy={log.isFetchingNextPage} onClick={() => void log.fetchNextPage()}>
                      {search.text === undefined ? "Load more" : "Search further back"}
                    </Button>
                  </div>
                )}
              </>
            );
          }}
        </Loaded>
      </Card>
      {open !== null && <AuditDetail event={open} actor={actorName(open.actor)} onDone={() => setOpen(null)} />}
    </Page>
  );
}

export function AuditLog() {
  const allowed = may(useSession().role, "manage people");
  if (allowed) return <Log />;
  return (
    <Page title="Audit log">
      <Card>
        <NotPermitted>Owners and admins read the audit log.</NotPermitted>
      </Card>
    </Page>
  );
}
