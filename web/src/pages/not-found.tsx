import { Link } from "@tanstack/react-router";
import { Compass } from "lucide-react";
import { Logo } from "@/layout/logo";
import { Button } from "@/ui/button";
import { useTitle } from "@/ui/page";
import { Empty } from "@/ui/states";

export function NotFound() {
  useTitle("Not found");
  return (
    <div className="flex min-h-dvh flex-col">
      <header className="px-4 py-5 sm:px-8">
        <Link to="/" aria-label="llmg, home" className="inline-flex rounded-md">
          <Logo />
        </Link>
      </header>
      <main className="grid flex-1 place-items-center pb-24">
        <div>
          <h1 className="sr-only">Not found</h1>
          <Empty
            icon={Compass}
            title="There is no such page"
            action={
              <Button asChild>
                <Link to="/">Go to the start</Link>
              </Button>
            }
          >
            The address may be mistyped, or the page has moved.
          </Empty>
        </div>
      </main>
    </div>
  );
}
