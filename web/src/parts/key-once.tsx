import { TriangleAlert } from "lucide-react";
import { CopyButton } from "@/ui/copy";

/** A fresh key, for the one time that it can be read. */
export function KeyOnce({ apiKey }: { apiKey: string }) {
  return (
    <div>
      <div className="flex flex-wrap items-center gap-3 rounded-lg border border-line bg-side p-3 sm:flex-nowrap sm:pl-4">
        <code className="min-w-0 flex-1 font-mono text-sm wrap-anywhere select-all">{apiKey}</code>
        <CopyButton kind="primary" text={apiKey} label="Copy key" />
      </div>
      <p className="mt-3 flex items-start gap-2 text-sm text-warn">
        <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
        Keep it now, in a secret manager for example. It cannot be shown again.
      </p>
    </div>
  );
}
