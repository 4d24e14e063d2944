import { useInfiniteQuery } from "@tanstack/react-query";
import { ChevronRight } from "lucide-react";
import { outboxQuery, type Letter } from "@/api/people";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card, CardHead } from "@/ui/card";
import { Bone, Loaded } from "@/ui/states";

function Row({ letter }: { letter: Letter }) {
  return (
    <li className="px-4 py-3 sm:px-5">
      <details className="group">
        <summary className="flex cursor-pointer flex-wrap items-center gap-2 rounded-md">
          <ChevronRight aria-hidden className="size-4 shrink-0 text-ink-2 transition-transform group-open:rotate-90" />
          <span className="min-w-0 flex-1 basis-48 break-words">{letter.subject}</span>
          <span className="break-all text-ink-2">{letter.recipient}</span>
          <Badge tone={letter.status === "failed" ? "warn" : "neutral"}>{letter.status}</Badge>
        </summary>
        {letter.error && <p className="mt-2 break-words text-bad">{letter.error}</p>}
        <pre className="mt-2 overflow-x-auto rounded-md bg-sunken p-3 whitespace-pre-wrap">
          {letter.body || "A mail server took this letter; its text is deleted."}
        </pre>
      </details>
    </li>
  );
}

/** Letters: what waits, what went, and without a mail server what is to be passed on. */
export function Outbox() {
  const letters = useInfiniteQuery(outboxQuery);
  return (
    <Card>
      <CardHead title="Outbox" note="Without a mail server, pass these letters on yourself." />
      <Loaded query={letters} loading={<Bone className="m-4 h-24" />}>
        {({ pages }) => {
          const rows = pages.flatMap((page) => page.data);
          return (
            <>
              <ul className="divide-y divide-line">
                {rows.map((letter) => (
                  <Row key={letter.id} letter={letter} />
                ))}
              </ul>
              {rows.length === 0 && <p className="p-4 text-ink-2 sm:p-5">No letters yet.</p>}
              {letters.hasNextPage && (
                <div className="p-4">
                  <Button busy={letters.isFetchingNextPage} onClick={() => void letters.fetchNextPage()}>
                    Show more
                  </Button>
                </div>
              )}
            </>
          );
        }}
      </Loaded>
    </Card>
  );
}
