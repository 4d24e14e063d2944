import { useQuery } from "@tanstack/react-query";
import { Link, Outlet } from "@tanstack/react-router";
import { sessionHintQuery } from "@/api/queries";
import { Button } from "@/ui/button";
import { Logo } from "./logo";

function Actions() {
  const { data: session } = useQuery(sessionHintQuery);
  if (session) {
    return (
      <Button kind="primary" asChild>
        <Link to="/dashboard/usage">Dashboard</Link>
      </Button>
    );
  }
  return (
    <>
      <Button kind="quiet" asChild>
        <Link to="/log-in">Log in</Link>
      </Button>
      <Button kind="primary" asChild>
        <Link to="/sign-up">Sign up</Link>
      </Button>
    </>
  );
}

export function PublicLayout() {
  return (
    <div className="flex min-h-dvh flex-col">
      <header className="border-b border-line">
        <div className="mx-auto flex h-16 max-w-6xl items-center justify-between gap-4 px-4 sm:px-8">
          <div className="flex items-center gap-8">
            <Link to="/" aria-label="llmg, home" className="inline-flex rounded-md">
              <Logo />
            </Link>
            <nav aria-label="Site" className="hidden items-center gap-6 text-ink-2 sm:flex">
              <Link
                to="/catalog"
                className="rounded-sm hover:text-ink"
                activeProps={{ className: "text-ink font-medium" }}
              >
                Models
              </Link>
              <a href="/api/docs" className="rounded-sm hover:text-ink">
                API reference
              </a>
            </nav>
          </div>
          <div className="flex items-center gap-1 sm:gap-2">
            <Actions />
          </div>
        </div>
      </header>
      <main className="flex-1">
        <Outlet />
      </main>
      <footer className="border-t border-line">
        <div className="mx-auto flex max-w-6xl flex-wrap items-center justify-between gap-4 px-4 py-8 text-sm text-ink-3 sm:px-8">
          <p>llmg, open source under Apache-2.0</p>
          <nav aria-label="Footer" className="flex gap-6">
            <Link to="/catalog" className="rounded-sm hover:text-ink">
              Models
            </Link>
            <a href="/api/docs" className="rounded-sm hover:text-ink">
              API reference
            </a>
            <a href="/api/openapi.json" className="rounded-sm hover:text-ink">
              OpenAPI
            </a>
          </nav>
        </div>
      </footer>
    </div>
  );
}
