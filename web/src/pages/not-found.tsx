import { Link } from "@tanstack/react-router";
import { Compass } from "lucide-react";
import { Button } from "@/ui/button";
import { useTitle } from "@/ui/page";
import { Empty } from "@/ui/states";

export function NotFound() {
  useTitle("Not found");
  return (
    <main className="grid min-h-[70dvh] place-items-center">
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
  );
}
