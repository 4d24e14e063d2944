import { useEffect, type ReactNode } from "react";

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === "" ? "llmg" : `${title} · llmg`;
  }, [title]);
}

interface Props {
  title: string;
  note?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  /** Forms and prose read better in a narrow column. */
  narrow?: boolean;
}

export function Page({ title, note, actions, children, narrow }: Props) {
  useTitle(title);
  return (
    <div className={`mx-auto w-full px-4 pt-6 pb-16 sm:px-8 sm:pt-8 ${narrow ? "max-w-3xl" : "max-w-6xl"}`}>
      <header className="mb-6 flex flex-wrap items-end justify-between gap-x-6 gap-y-4">
        <div className="min-w-0">
          <h1 className="text-xl font-semibold">{title}</h1>
          {note !== undefined && <p className="mt-1 max-w-2xl text-pretty text-ink-2">{note}</p>}
        </div>
        {actions !== undefined && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
