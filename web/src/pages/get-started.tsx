import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Check, LoaderCircle, TriangleAlert } from "lucide-react";
import { useState, type ReactNode } from "react";
import { firstModel, modelsQuery } from "@/api/models";
import { apiKeysQuery, creditsQuery, firstCallQuery, providerKeysQuery, type Call, type Credits } from "@/api/queries";
import { may, useSession } from "@/api/session";
import { LINK } from "@/layout/auth";
import { formatAgo } from "@/lib/dates";
import { useKeyInHand } from "@/lib/key-in-hand";
import { formatUsd } from "@/lib/money";
import { formatMs } from "@/lib/numbers";
import { LANGUAGE_NAMES, LANGUAGES, snippet, type Language } from "@/lib/snippets";
import { useNow } from "@/lib/use-now";
import { KeyOnce } from "@/parts/key-once";
import { NewKeyButton } from "@/parts/new-key";
import { Button } from "@/ui/button";
import { CodeBlock } from "@/ui/code";
import { CopyButton } from "@/ui/copy";
import { SelectField } from "@/ui/field";
import { Page } from "@/ui/page";
import { Segments } from "@/ui/segments";

function Step({
  number,
  done,
  title,
  children,
}: {
  number: number;
  done: boolean;
  title: string;
  children: ReactNode;
}) {
  return (
    <li className="relative flex gap-4 pb-10 last:pb-0 sm:gap-5 [&:not(:last-child)>span]:after:absolute [&:not(:last-child)>span]:after:top-9 [&:not(:last-child)>span]:after:bottom-1 [&:not(:last-child)>span]:after:w-px [&:not(:last-child)>span]:after:bg-line">
      <span
        aria-hidden
        className={`grid size-8 shrink-0 place-items-center rounded-full border text-sm font-semibold transition-colors ${done ? "border-good bg-good-soft text-good" : "border-line-strong text-ink-2"}`}
      >
        {done ? <Check className="size-4" /> : number}
      </span>
      <div className="min-w-0 flex-1 pt-1">
        <h2 className="text-md font-semibold">
          {title}
          {done && <span className="sr-only"> (done)</span>}
        </h2>
        <div className="mt-3">{children}</div>
      </div>
    </li>
  );
}

function KeyStep() {
  const key = useKeyInHand();
  const { role } = useSession();
  const { data: keys } = useQuery(apiKeysQuery);
  const active = keys?.filter((entry) => entry.status === "active").length ?? 0;
  if (key !== null) return <KeyOnce apiKey={key} />;
  if (!may(role, "make keys")) {
    return (
      <p className="text-ink-2">
        Your role does not include making keys. Ask a developer or admin of your organization for one.
      </p>
    );
  }
  return (
    <>
      <p className="mb-4 max-w-xl text-ink-2">
        {active > 0
          ? `Your organization has ${active} active ${active === 1 ? "key" : "keys"}. Use one that you kept, or make another.`
          : "A key identifies your program. It is shown once, when it is made."}
      </p>
      <NewKeyButton kind={active > 0 ? "plain" : "primary"} />
    </>
  );
}

function CodeStep() {
  const key = useKeyInHand();
  const [language, setLanguage] = useState<Language>("curl");
  const [chosen, setModel] = useState<string | null>(null);
  const { data: models = [] } = useQuery(modelsQuery);
  const model = chosen ?? firstModel(models);
  const baseUrl = `${location.origin}/v1`;
  const chat = models.filter((entry) => entry.mode === "chat").map((entry) => entry.id);
  return (
    <>
      <div className="mb-4 flex flex-wrap items-center gap-x-2 text-ink-2">
        Base URL
        <span className="flex min-w-0 items-center gap-2">
          <code className="min-w-0 rounded-sm bg-sunken px-1.5 py-0.5 font-mono text-sm text-ink wrap-anywhere">
            {baseUrl}
          </code>
          <CopyButton text={baseUrl} label="Copy base URL" />
        </span>
      </div>
      <div className="mb-3 flex flex-wrap items-center justify-between gap-3">
        <Segments label="Language" value={language} options={LANGUAGES} names={LANGUAGE_NAMES} onChange={setLanguage} />
        <SelectField
          bare
          label="Model"
          className="w-full sm:w-64"
          value={model}
          onChange={(event) => setModel(event.target.value)}
        >
          {(chat.length > 0 ? chat : [model]).map((id) => (
            <option key={id}>{id}</option>
          ))}
        </SelectField>
      </div>
      <CodeBlock label={`${LANGUAGE_NAMES[language]} example`} code={snippet(language, { baseUrl, model, key })} />
      <p className="mt-3 text-sm text-ink-3">
        {language !== "curl" && (
          <>
            Install{" "}
            <code className="font-mono">{language === "python" ? "pip install openai" : "npm install openai"}</code>
            .{" "}
          </>
        )}
        {key === null ? "The code reads the key from LLMG_API_KEY. " : ""}
        {model === "sim" ? "The model sim is built in: it answers without any provider." : ""}
      </p>
    </>
  );
}

function Arrived({ call }: { call: Call }) {
  const now = useNow();
  return (
    <div className="rounded-lg border border-good/40 bg-good-soft p-4 sm:p-5">
      <p className="flex items-center gap-2 font-semibold text-good">
        <Check aria-hidden className="size-4" /> Your calls arrive
      </p>
      <p className="num mt-1 text-ink-2">
        Latest: <span className="text-ink">{call.model || call.requested_model}</span>,{" "}
        {formatAgo(call.started_at, now)}, {formatMs(call.duration_ms)}, {formatUsd(call.cost_nano_usd)}
      </p>
      <div className="mt-4 flex flex-wrap gap-2">
        <Button asChild>
          <Link to="/dashboard/calls/$id" params={{ id: call.id }}>
            See the call
          </Link>
        </Button>
        <Button kind="quiet" asChild>
          <Link to="/dashboard/usage">Go to usage</Link>
        </Button>
      </div>
    </div>
  );
}

function Refused({ call }: { call: Call }) {
  return (
    <div className="flex items-start gap-3 rounded-lg border border-warn/40 bg-warn-soft p-4 sm:p-5">
      <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
      <div>
        <p className="font-medium">
          Your call arrived, and was refused:{" "}
          <code className="font-mono text-sm">{call.error_code ?? call.http_status}</code>
        </p>
        <p className="mt-0.5 text-ink-2">
          <Link to="/dashboard/calls/$id" params={{ id: call.id }} className={LINK}>
            See the call
          </Link>{" "}
          for the reason, then try again. This turns green by itself.
        </p>
      </div>
    </div>
  );
}

/** True while every call would be refused: no credit, and no provider key of one's own. */
function useNoFunds(): boolean {
  // Somebody else grants credit, so it is asked for until it is there.
  const { data: credits } = useQuery({
    ...creditsQuery,
    refetchInterval: (query) => (query.state.data && left(query.state.data) > 0 ? false : 5000),
  });
  const { data: keys } = useQuery(providerKeysQuery);
  return credits !== undefined && left(credits) <= 0 && keys?.length === 0;
}

const left = (credits: Credits) => credits.credits_nano_usd + credits.leased_nano_usd;

/** Said before the call, because it could only be refused. */
function NoFunds() {
  const { user, organization_id } = useSession();
  return (
    <div className="mb-5 flex items-start gap-3 rounded-lg border border-warn/40 bg-warn-soft p-4 sm:p-5">
      <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
      <div className="min-w-0">
        <p className="font-medium">Your organization has no credit yet, so this call would be refused</p>
        <ul className="mt-1 list-disc space-y-1 pl-4 text-ink-2">
          {user.is_operator ? (
            <li>
              <Link to="/dashboard/operator" className={LINK}>
                Grant credits
              </Link>
              , because you run this instance;
            </li>
          ) : (
            <li>
              ask the operator of this instance for credit, and name your organization:{" "}
              <span className="inline-flex max-w-full items-center gap-1 align-bottom">
                <code className="min-w-0 truncate rounded-sm bg-surface px-1.5 font-mono text-sm text-ink">
                  {organization_id}
                </code>
                <CopyButton text={organization_id} label="Copy organization id" />
              </span>
            </li>
          )}
          <li>
            or{" "}
            <Link to="/dashboard/settings/provider-keys" className={LINK}>
              add your own provider key
            </Link>{" "}
            and call a model of that provider.
          </li>
        </ul>
      </div>
    </div>
  );
}

function Later() {
  return (
    <div className="rounded-lg border border-line bg-side p-4 sm:p-5">
      <p className="font-medium">Nothing to wait for yet</p>
      <p className="mt-0.5 text-ink-2">
        With credit or a provider key the code above works. This page notices credit by itself.
      </p>
    </div>
  );
}

function Waiting() {
  return (
    <div className="flex items-start gap-3 rounded-lg border border-line bg-side p-4 sm:p-5">
      <LoaderCircle aria-hidden className="mt-0.5 size-4 shrink-0 animate-spin text-ink-3" />
      <div>
        <p className="font-medium">Waiting for your first call</p>
        <p className="mt-0.5 text-ink-2">Run the code above. This turns green by itself.</p>
      </div>
    </div>
  );
}

export function GetStarted() {
  const key = useKeyInHand();
  const { data: keys } = useQuery(apiKeysQuery);
  const { data: call } = useQuery(firstCallQuery);
  const arrived = call != null && call.http_status < 400;
  const noFunds = useNoFunds() && !arrived;
  const hasKey = key !== null || (keys?.some((entry) => entry.status === "active") ?? false);
  return (
    <Page narrow title="Get started" note="Three steps from here to a call that is answered, paid and recorded.">
      <ol>
        <Step number={1} done={hasKey} title="Make an API key">
          <KeyStep />
        </Step>
        <Step number={2} done={arrived} title="Call a model">
          {noFunds && <NoFunds />}
          <CodeStep />
        </Step>
        <Step number={3} done={arrived} title="See it arrive">
          <div role="status" aria-live="polite">
            {arrived ? <Arrived call={call} /> : call ? <Refused call={call} /> : noFunds ? <Later /> : <Waiting />}
          </div>
        </Step>
      </ol>
    </Page>
  );
}
