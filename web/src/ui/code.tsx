import { CopyButton } from "./copy";

/** Code that can be copied. It scrolls sideways, so it takes the focus for the keyboard. */
export function CodeBlock({ code, label }: { code: string; label: string }) {
  return (
    <div className="overflow-hidden rounded-lg border border-line bg-side">
      <div className="flex items-center justify-between border-b border-line py-1 pr-1.5 pl-4">
        <span className="text-xs font-medium text-ink-3">{label}</span>
        <CopyButton text={code} label={`Copy ${label}`} />
      </div>
      <pre
        tabIndex={0}
        role="region"
        aria-label={label}
        className="overflow-x-auto p-4 font-mono text-sm leading-5 focus-visible:-outline-offset-2"
      >
        <code>{code}</code>
      </pre>
    </div>
  );
}
