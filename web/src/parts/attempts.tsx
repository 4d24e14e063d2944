import { CircleCheck, CircleX } from "lucide-react";
import type { Attempt, CallDetail } from "@/api/queries";
import { formatMs } from "@/lib/numbers";
import { Badge } from "@/ui/badge";
import { Card, CardHead } from "@/ui/card";

function Line({ attempt, number, before, total }: { attempt: Attempt; number: number; before: number; total: number }) {
  const code = attempt.error_code;
  const duration = attempt.duration_ms;
  const failed = code !== "";
  const Icon = failed ? CircleX : CircleCheck;
  return (
    <li className="px-4 py-3.5 sm:px-5">
      <div className="flex items-start gap-3">
        <Icon aria-hidden className={`mt-0.5 size-4 shrink-0 ${failed ? "text-bad" : "text-good"}`} />
        <div className="min-w-0 flex-1">
          <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
            <span className="sr-only">{`Attempt ${number}, ${failed ? "failed" : "succeeded"}:`}</span>
            <span className="font-medium wrap-anywhere">{`${attempt.provider}/${attempt.model}`}</span>
            {attempt.credential.startsWith("pkey_") && <Badge>Own key</Badge>}
          </p>
          <p className="mt-0.5 text-sm text-ink-3">
            {failed ? <code className="font-mono text-bad">{code}</code> : "Answered"}
            {`, ${attempt.status ? `status ${attempt.status}` : "no status"}`}
          </p>
        </div>
        <span className="num shrink-0 text-ink-2">{formatMs(duration)}</span>
      </div>
      <div aria-hidden className="mt-2.5 ml-7 h-1.5 rounded-full bg-sunken">
        <div
          className={`h-full min-w-1 rounded-full ${failed ? "bg-bad" : "bg-good"}`}
          style={{
            marginLeft: `${Math.min(98, (before / total) * 100)}%`,
            width: `${Math.min(100 - (before / total) * 100, (duration / total) * 100)}%`,
          }}
        />
      </div>
    </li>
  );
}

/** What was tried, in order, on one time line. */
export function Attempts({ call }: { call: CallDetail }) {
  const { attempts } = call;
  const total = Math.max(
    1,
    call.duration_ms,
    attempts.reduce((sum, attempt) => sum + attempt.duration_ms, 0),
  );
  const starts = attempts.map((_, index) =>
    attempts.slice(0, index).reduce((sum, attempt) => sum + attempt.duration_ms, 0),
  );
  const rescued = attempts.length > 1 && call.http_status < 400;
  return (
    <Card>
      <CardHead
        title="Attempts"
        note={
          attempts.length === 0
            ? undefined
            : rescued
              ? `Rescued: ${attempts.length - 1} failed, then answered.`
              : `${attempts.length} ${attempts.length === 1 ? "attempt" : "attempts"}`
        }
      />
      {attempts.length === 0 ? (
        <p className="px-4 py-6 text-ink-2 sm:px-5">
          {call.cache === "hit" ? "No provider was asked: the answer came from the cache." : "No provider was asked."}
        </p>
      ) : (
        <ol className="divide-y divide-line">
          {attempts.map((attempt, index) => (
            <Line key={index} attempt={attempt} number={index + 1} before={starts[index] ?? 0} total={total} />
          ))}
        </ol>
      )}
    </Card>
  );
}
