import { Link } from "@tanstack/react-router";
import { LockOpen } from "lucide-react";
import type { ReactNode } from "react";
import { useTitle } from "@/ui/page";
import { Empty } from "@/ui/states";
import { Logo } from "./logo";

interface Props {
  title: string;
  note: ReactNode;
  children: ReactNode;
  foot: ReactNode;
}

export function AuthLayout({ title, note, children, foot }: Props) {
  useTitle(title);
  return (
    <div className="flex min-h-dvh flex-col bg-side">
      <header className="px-4 py-5 sm:px-8">
        <Link to="/" aria-label="llmg, home" className="inline-flex rounded-md">
          <Logo />
        </Link>
      </header>
      <main className="mx-auto flex w-full max-w-[25rem] flex-1 flex-col justify-center px-4 pt-4 pb-24">
        <h1 className="text-2xl font-semibold">{title}</h1>
        <p className="mt-1.5 text-ink-2">{note}</p>
        <div className="mt-6 rounded-xl border border-line bg-surface p-5 sm:p-6">{children}</div>
        <p className="mt-6 text-center text-ink-2">{foot}</p>
      </main>
    </div>
  );
}

/** The server refuses passwords where others could listen. */
export function NoLogIn() {
  return (
    <Empty icon={LockOpen} title="Not over this address">
      Passwords do not travel over plain http. Open this page over https, or on the machine itself under localhost.
    </Empty>
  );
}

export function FormError({ children }: { children: ReactNode }) {
  return (
    <p role="alert" className="rounded-md border border-bad/30 bg-bad-soft px-3 py-2 text-bad">
      {children}
    </p>
  );
}

export const LINK = "rounded-sm font-medium text-accent underline-offset-4 hover:underline";
