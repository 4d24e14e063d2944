import type { ReactNode } from "react";
import { cx } from "@/lib/classes";

export function Card({ children, className }: { children: ReactNode; className?: string }) {
  return <section className={cx("rounded-lg border border-line bg-surface", className)}>{children}</section>;
}

export function CardHead({ title, note, action }: { title: string; note?: ReactNode; action?: ReactNode }) {
  return (
    <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2 border-b border-line px-4 py-3 last:border-b-0 sm:px-5">
      <div className="min-w-0">
        <h2 className="text-base font-semibold">{title}</h2>
        {note !== undefined && <p className="mt-0.5 text-sm text-ink-3">{note}</p>}
      </div>
      {action}
    </div>
  );
}

/** A list of names and values, with the names in one column. */
export function Facts({ children }: { children: ReactNode }) {
  return <dl className="divide-y divide-line px-4 sm:px-5">{children}</dl>;
}

export function Fact({ name, children, mono }: { name: string; children: ReactNode; mono?: boolean }) {
  return (
    <div className="flex items-baseline justify-between gap-6 py-2.5">
      <dt className="shrink-0 text-ink-3">{name}</dt>
      <dd className={cx("num min-w-0 text-right wrap-anywhere", mono && "font-mono text-sm")}>{children}</dd>
    </div>
  );
}
