import { CircleAlert, Lock, RotateCw, SearchX, type LucideIcon } from "lucide-react";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ApiError } from "@/api/errors";
import { Button } from "./button";

interface PanelProps {
  icon: LucideIcon;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  tone?: "neutral" | "bad";
}

function Panel({ icon: Icon, title, children, action, tone = "neutral" }: PanelProps) {
  return (
    <div className="flex flex-col items-center px-6 py-14 text-center">
      <span
        className={`mb-4 grid size-10 place-items-center rounded-lg border border-line ${tone === "bad" ? "bg-bad-soft text-bad" : "bg-sunken text-ink-3"}`}
      >
        <Icon aria-hidden className="size-5" />
      </span>
      <p className="text-md font-semibold">{title}</p>
      {children !== undefined && <div className="mt-1 max-w-sm text-pretty text-ink-2">{children}</div>}
      {action !== undefined && <div className="mt-5 flex flex-wrap justify-center gap-2">{action}</div>}
    </div>
  );
}

/** There is nothing yet: what it will be, and the next step. */
export function Empty(props: Omit<PanelProps, "tone">) {
  return <Panel {...props} />;
}

/** There is something, but not this. */
export function NoMatch({ onClear }: { onClear: () => void }) {
  return (
    <Panel
      icon={SearchX}
      title="Nothing matches these filters"
      action={<Button onClick={onClear}>Clear filters</Button>}
    >
      Widen the time range or remove a filter.
    </Panel>
  );
}

export function NotPermitted({ children }: { children?: ReactNode }) {
  return (
    <Panel icon={Lock} title="Not permitted">
      {children ?? "Your role in this organization does not include this page. An owner or admin can change it."}
    </Panel>
  );
}

export function Failed({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const known = error instanceof ApiError ? error : null;
  if (known?.notPermitted) return <NotPermitted>{known.message}</NotPermitted>;
  return (
    <div role="alert">
      <Panel
        icon={CircleAlert}
        tone="bad"
        title={known?.status === 0 ? "No connection to the server" : "This could not be loaded"}
        action={
          onRetry && (
            <Button onClick={onRetry}>
              <RotateCw aria-hidden /> Try again
            </Button>
          )
        }
      >
        <p>{known?.message ?? "Something unexpected went wrong in this page."}</p>
        {known?.requestId != null && (
          <p className="mt-2 text-sm text-ink-3">
            Request <code className="font-mono wrap-anywhere">{known.requestId}</code>
          </p>
        )}
      </Panel>
    </div>
  );
}

export function Bone({ className }: { className: string }) {
  return <div aria-hidden className={`animate-breathe rounded-md bg-sunken ${className}`} />;
}

export function Loading({ children, label = "Loading" }: { children?: ReactNode; label?: string }) {
  return (
    <div role="status" aria-busy>
      <span className="sr-only">{label}</span>
      {children ?? <BoneRows />}
    </div>
  );
}

export function BoneRows({ rows = 6 }: { rows?: number }) {
  return (
    <div className="divide-y divide-line">
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} className="flex items-center gap-6 px-4 py-3.5 sm:px-5">
          <Bone className="h-4 w-1/4" />
          <Bone className="h-4 w-1/3" />
          <Bone className="ml-auto h-4 w-16" />
        </div>
      ))}
    </div>
  );
}

interface LoadedProps<T> {
  query: Pick<UseQueryResult<T>, "data" | "error" | "isPending" | "refetch">;
  loading?: ReactNode;
  children: (data: T) => ReactNode;
}

/** Tells loading, refused, failed and there apart. What is there already stays while a refresh fails. */
export function Loaded<T>({ query, loading, children }: LoadedProps<T>) {
  if (query.data !== undefined) return children(query.data);
  if (query.isPending) return <Loading>{loading}</Loading>;
  return <Failed error={query.error} onRetry={() => void query.refetch()} />;
}
