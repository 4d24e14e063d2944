import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowRight } from "lucide-react";
import { creditsQuery, usageQuery, type Credits, type Usage } from "@/api/queries";
import { useSession } from "@/api/session";
import { presetRange } from "@/lib/dates";
import { formatUsd, formatUsdColumn } from "@/lib/money";
import { formatCompact } from "@/lib/numbers";
import { useNow } from "@/lib/use-now";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card, CardHead } from "@/ui/card";
import { CopyButton } from "@/ui/copy";
import { Page } from "@/ui/page";
import { Bone, Loaded } from "@/ui/states";
import { DataTable, type Column } from "@/ui/table";

type UsageRow = Usage["rows"][number];

/** Whole days that the credit lasts at this pace; null when nothing is spent. */
function daysLeft(credits: Credits, charged: number, days: number): number | null {
  const left = credits.credits_nano_usd + credits.leased_nano_usd;
  return charged <= 0 || left <= 0 ? null : Math.floor(left / (charged / days));
}

function Balance({ credits, week }: { credits: Credits; week: Usage | undefined }) {
  const days = week && daysLeft(credits, week.totals.charged_nano_usd, 7);
  const out = credits.credits_nano_usd + credits.leased_nano_usd <= 0;
  const never = credits.spent_nano_usd === 0;
  return (
    <Card className="grid lg:grid-cols-[3fr_2fr]">
      <div className="p-5 sm:p-6">
        <h2 className="text-ink-2">Credit left</h2>
        <p className="num mt-1 flex flex-wrap items-center gap-3 text-3xl font-semibold">
          {formatUsd(credits.credits_nano_usd + credits.leased_nano_usd)}
          {out && <Badge tone="bad">{never ? "None yet" : "Spent"}</Badge>}
          {days != null && days < 3 && !out && <Badge tone="warn">Low</Badge>}
        </p>
        <p className="mt-2 max-w-md text-ink-2">
          {out
            ? "Calls that credits pay for are refused with 402 until there is credit."
            : days != null
              ? `Lasts about ${days < 1 ? "a day or less" : `${formatCompact(days)} ${days === 1 ? "day" : "days"}`} at the pace of the last 7 days.`
              : "Nothing was charged in the last 7 days."}
        </p>
      </div>
      <dl className="divide-y divide-line border-line px-5 max-lg:border-t sm:px-6 lg:border-l lg:py-2">
        {[
          { name: "Free", nano: credits.credits_nano_usd, note: "Not reserved by anything." },
          {
            name: "Held by gateways",
            nano: credits.leased_nano_usd,
            note: "For calls to come; what is not used comes back.",
          },
          { name: "Charged so far", nano: credits.spent_nano_usd, note: "For calls, all time." },
        ].map(({ name, nano, note }) => (
          <div key={name} className="flex items-baseline justify-between gap-4 py-3">
            <dt>
              {name}
              <span className="block text-sm text-ink-3">{note}</span>
            </dt>
            <dd className="num font-medium">{formatUsdColumn(nano)}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

const COLUMNS: Column<UsageRow>[] = [
  {
    id: "model",
    header: "Model",
    grow: true,
    sortBy: (row) => row.group ?? "",
    cell: (row) => (
      <span className="block truncate font-medium">
        {row.group === "" || row.group == null ? "Refused before a choice" : row.group}
      </span>
    ),
  },
  {
    id: "calls",
    header: "Calls",
    right: true,
    from: "sm",
    sortBy: (row) => row.calls,
    cell: (row) => formatCompact(row.calls),
  },
  {
    id: "cost",
    header: "Cost",
    right: true,
    sortBy: (row) => row.cost_nano_usd,
    cell: (row) => formatUsd(row.cost_nano_usd),
  },
  {
    id: "charged",
    header: "Charged",
    right: true,
    sortBy: (row) => row.charged_nano_usd,
    cell: (row) => formatUsd(row.charged_nano_usd),
  },
];

export function CreditsPage() {
  const now = useNow();
  const credits = useQuery(creditsQuery);
  const { user, organization_id } = useSession();
  const { data: week } = useQuery(usageQuery({ ...presetRange("7d", now), bucket: "none", group_by: "none" }));
  const month = useQuery(usageQuery({ ...presetRange("30d", now), bucket: "none", group_by: "model" }));
  return (
    <Page
      title="Credits"
      note="Prepaid credit that calls are charged to. Calls with your own provider keys and answers from the cache take none."
      actions={
        user.is_operator && (
          <Button kind="primary" asChild>
            <Link to="/dashboard/operator">Grant credits</Link>
          </Button>
        )
      }
    >
      <Loaded query={credits} loading={<Bone className="h-52" />}>
        {(balance) => <Balance credits={balance} week={week} />}
      </Loaded>
      {!user.is_operator && (
        <p className="mt-3 text-sm text-ink-3">
          Credit is granted by the operator of this instance, who needs your organization&apos;s id:{" "}
          <code className="font-mono wrap-anywhere">{organization_id}</code>{" "}
          <CopyButton text={organization_id} label="Copy organization id" />
        </p>
      )}
      <Card className="mt-6">
        <CardHead
          title="Charged in the last 30 days"
          action={
            <Link
              to="/dashboard/usage"
              className="inline-flex items-center gap-1 rounded-sm text-sm font-medium text-accent hover:underline"
            >
              All usage <ArrowRight aria-hidden className="size-3.5" />
            </Link>
          }
        />
        <Loaded query={month}>
          {({ rows }) =>
            rows.length === 0 ? (
              <p className="px-5 py-10 text-center text-ink-2">No calls in the last 30 days.</p>
            ) : (
              <DataTable
                label="Charged by model"
                columns={COLUMNS}
                rows={rows}
                rowId={(row) => row.group ?? ""}
                sorting={[{ id: "charged", desc: true }]}
              />
            )
          }
        </Loaded>
      </Card>
    </Page>
  );
}
