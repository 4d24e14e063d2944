/** Many lines come in, one gate, one line goes out. */
export function Logo({ name = true }: { name?: boolean }) {
  return (
    <span className="inline-flex items-center gap-2.5">
      <svg aria-hidden viewBox="0 0 32 32" className="size-7 shrink-0">
        <rect width="32" height="32" rx="8" fill="var(--accent-fill)" />
        <path
          d="M7 9h4.5l4 7H25M7 16h8.5M7 23h4.5l4-7M21.5 12.5 25 16l-3.5 3.5"
          fill="none"
          stroke="var(--on-accent)"
          strokeWidth="2.2"
          strokeLinecap="round"
          strokeLinejoin="round"
        />
      </svg>
      {name && <span className="text-md font-semibold tracking-tight text-ink">llmg</span>}
    </span>
  );
}
