import { CircleCheck, CircleX } from "lucide-react";
import { Badge } from "@/ui/badge";

const ATTEMPTS = [
  {
    ok: false,
    name: "openai/gpt-4o",
    note: "upstream_overloaded, status 503",
    time: "214 ms",
    from: "0%",
    width: "16%",
  },
  { ok: true, name: "azure/gpt-4o", note: "Answered, status 200", time: "1.12 s", from: "16%", width: "84%" },
];
const BILL = [
  ["Input tokens", "1,204"],
  ["Output tokens", "386"],
  ["Gateway overhead", "412 µs"],
];

/** What the page of a call looks like, with made-up figures at real prices. */
export function SampleCall() {
  return (
    <figure className="min-w-0 rounded-xl border border-line bg-surface">
      <figcaption className="flex items-center justify-between gap-3 border-b border-line px-5 py-4">
        <span className="font-semibold">One call, on record</span>
        <Badge tone="good" dot>
          200
        </Badge>
      </figcaption>
      <ol className="divide-y divide-line border-b border-line">
        {ATTEMPTS.map(({ ok, name, note, time, from, width }) => (
          <li key={name} className="px-5 py-3.5">
            <div className="flex items-start gap-3">
              {ok ? (
                <CircleCheck aria-hidden className="mt-0.5 size-4 shrink-0 text-good" />
              ) : (
                <CircleX aria-hidden className="mt-0.5 size-4 shrink-0 text-bad" />
              )}
              <div className="min-w-0 flex-1">
                <p className="font-medium">{name}</p>
                <p className="text-sm text-ink-3">{note}</p>
              </div>
              <span className="num text-ink-2">{time}</span>
            </div>
            <div aria-hidden className="mt-2.5 ml-7 h-1.5 rounded-full bg-sunken">
              <div className={`h-full rounded-full ${ok ? "bg-good" : "bg-bad"}`} style={{ marginLeft: from, width }} />
            </div>
          </li>
        ))}
      </ol>
      <dl className="num px-5 py-3">
        {BILL.map(([name, value]) => (
          <div key={name} className="flex justify-between py-1.5">
            <dt className="text-ink-2">{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <dl className="num flex justify-between border-t border-line px-5 py-4 font-semibold">
        <dt>Charged</dt>
        <dd>$0.00687</dd>
      </dl>
    </figure>
  );
}
