import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { ArrowLeft, SearchX } from "lucide-react";
import { ApiError } from "@/api/errors";
import { apiKeysQuery, callQuery, projectsQuery, type CallDetail } from "@/api/queries";
import { callStatus, DIALECTS } from "@/lib/call";
import { formatMomentFull } from "@/lib/dates";
import { formatMicros, formatMs } from "@/lib/numbers";
import { Attempts } from "@/parts/attempts";
import { Bill } from "@/parts/bill";
import { MODE_NAMES } from "@/parts/group-names";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card, CardHead, Fact, Facts } from "@/ui/card";
import { CopyButton } from "@/ui/copy";
import { useTitle } from "@/ui/page";
import { Bone, Empty, Failed, Loading } from "@/ui/states";

function Timing({ call }: { call: CallDetail }) {
  const generating = call.first_token_ms == null ? null : call.duration_ms - call.first_token_ms;
  const speed = generating !== null && generating > 0 ? call.tokens.output / (generating / 1000) : null;
  const cells = [
    ["Total time", formatMs(call.duration_ms)],
    ["To first token", call.first_token_ms == null ? "–" : formatMs(call.first_token_ms)],
    ["Output speed", speed === null ? "–" : `${Math.round(speed)} tok/s`],
    ["Gateway overhead", formatMicros(call.overhead_us)],
  ];
  return (
    <dl className="grid grid-cols-2 gap-px overflow-hidden rounded-lg border border-line bg-line lg:grid-cols-4">
      {cells.map(([name, value]) => (
        <div key={name} className="bg-surface px-4 py-3.5 sm:px-5">
          <dt className="text-sm text-ink-2">{name}</dt>
          <dd className="num mt-1 text-lg font-semibold">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Request({ call }: { call: CallDetail }) {
  const { data: keys } = useQuery(apiKeysQuery);
  const { data: projects } = useQuery(projectsQuery);
  return (
    <Card>
      <CardHead title="Request" />
      <Facts>
        <Fact name="Asked for" mono>
          {call.requested_model}
        </Fact>
        <Fact name="Served by" mono>
          {call.model === "" ? "–" : `${call.provider}/${call.model}`}
        </Fact>
        <Fact name="API">{DIALECTS[call.dialect] ?? call.dialect}</Fact>
        <Fact name="Streamed">{call.stream ? "Yes" : "No"}</Fact>
        <Fact name="API key">{keys?.find((key) => key.id === call.api_key_id)?.name ?? call.api_key_id}</Fact>
        <Fact name="Project">
          {projects?.find((project) => project.id === call.project_id)?.name ?? call.project_id}
        </Fact>
        <Fact name="Project mode">{MODE_NAMES[call.mode] ?? call.mode}</Fact>
        <Fact name="Cache">{{ hit: "Hit", miss: "Miss", off: "Off" }[call.cache] ?? call.cache}</Fact>
        <Fact name="Finish reason">{call.finish_reason ?? "–"}</Fact>
        {call.user != null && <Fact name="User">{call.user}</Fact>}
        {call.session != null && <Fact name="Session">{call.session}</Fact>}
        {call.tags.length > 0 && (
          <Fact name="Tags">
            <span className="flex flex-wrap justify-end gap-1">
              {call.tags.map((tag) => (
                <Badge key={tag}>{tag}</Badge>
              ))}
            </span>
          </Fact>
        )}
        {Object.entries(call.metadata ?? {}).map(([name, value]) => (
          <Fact key={name} name={name} mono>
            {typeof value === "string" ? value : JSON.stringify(value)}
          </Fact>
        ))}
      </Facts>
    </Card>
  );
}

function Trace({ call }: { call: CallDetail }) {
  return (
    <Card>
      <CardHead title="Record" />
      <Facts>
        <Fact name="Started">{formatMomentFull(call.started_at)}</Fact>
        <Fact name="Outcome">{call.outcome}</Fact>
        <Fact name="Provider status">{call.upstream_status ?? "–"}</Fact>
        <Fact name="Provider's id" mono>
          {call.upstream_id ?? "–"}
        </Fact>
        <Fact name="Gateway" mono>
          {call.gateway_id}
        </Fact>
        <Fact name="Sequence" mono>
          {`${call.epoch}.${call.lane}.${call.seq}`}
        </Fact>
        <Fact name="Lease" mono>
          {call.lease_id ?? "–"}
        </Fact>
      </Facts>
    </Card>
  );
}

function Found({ call }: { call: CallDetail }) {
  const { text, tone } = callStatus(call);
  return (
    <>
      <header className="mb-6">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
          <h1 className="text-xl font-semibold wrap-anywhere">
            {call.model === "" ? call.requested_model : call.model}
          </h1>
          <Badge dot tone={tone}>
            {text}
          </Badge>
          {call.cache === "hit" && <Badge tone="accent">Cache hit</Badge>}
        </div>
        <p className="mt-1 flex items-center gap-1 text-ink-3">
          <code className="min-w-0 truncate font-mono text-sm">{call.id}</code>
          <CopyButton text={call.id} label="Copy request id" />
        </p>
      </header>
      {call.error_code != null && (
        <p className="mb-6 rounded-lg border border-bad/30 bg-bad-soft px-4 py-3 text-bad">
          Refused with <code className="font-mono text-sm font-medium">{call.error_code}</code>.{" "}
          {call.charged_nano_usd === 0 && "Nothing was charged."}
        </p>
      )}
      <Timing call={call} />
      <div className="mt-6 grid items-start gap-6 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <div className="grid gap-6">
          <Attempts call={call} />
          <Bill call={call} />
        </div>
        <div className="grid gap-6">
          <Request call={call} />
          <Trace call={call} />
        </div>
      </div>
    </>
  );
}

export function CallPage() {
  const { id } = getRouteApi("/dashboard/calls/$id").useParams();
  const call = useQuery(callQuery(id));
  useTitle("Call");
  const missing = call.error instanceof ApiError && call.error.notFound;
  return (
    <div className="mx-auto w-full max-w-6xl px-4 pt-6 pb-16 sm:px-8">
      <Link
        to="/dashboard/calls"
        className="mb-4 inline-flex items-center gap-1.5 rounded-sm text-sm text-ink-2 hover:text-ink"
      >
        <ArrowLeft aria-hidden className="size-4" /> Calls
      </Link>
      {call.data && <Found call={call.data} />}
      {call.isPending && (
        <Loading>
          <Bone className="mb-6 h-12 w-80 max-w-full" />
          <Bone className="mb-6 h-20" />
          <Bone className="h-96" />
        </Loading>
      )}
      {!call.data && <h1 className="sr-only">Call</h1>}
      {missing && (
        <Empty
          icon={SearchX}
          title="There is no such call"
          action={
            <Button asChild>
              <Link to="/dashboard/calls">All calls</Link>
            </Button>
          }
        >
          It may belong to another organization, or be older than calls are kept. New calls take a moment to show up.
        </Empty>
      )}
      {call.isError && !missing && <Failed error={call.error} onRetry={() => void call.refetch()} />}
    </div>
  );
}
