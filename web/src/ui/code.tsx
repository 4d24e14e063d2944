import { CopyButton } from "./copy";

/** Code that can be copied. It scrolls sideways, so it takes the focus for the keyboard. */
export function CodeBlock({ code, label }: { code: string; label: string }) {
  return (
    <div className="relative rounded-lg border border-line bg-side">
      <pre
        tabIndex={0}
        role="region"
        aria-label={label}
        className="overflow-x-auto rounded-lg p-4 pr-14 font-mono text-sm leading-5"
      >
        <code>{code}</code>
      </pre>
      <div className="absolute top-2 right-2 rounded-md bg-side">
        <CopyButton text={code} label={`Copy ${label}`} />
      </div>
    </div>
  );
}
