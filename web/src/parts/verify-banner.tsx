import { useMutation, useQuery } from "@tanstack/react-query";
import { MailWarning } from "lucide-react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { sessionQuery } from "@/api/queries";
import { Button } from "@/ui/button";

/** Until the address is confirmed, where a mail server brings letters. */
export function VerifyBanner() {
  const { data: session } = useQuery(sessionQuery);
  const resend = useMutation({ mutationFn: () => take(api.POST("/api/v1/auth/email/resend")) });
  if (!session?.user.must_verify_email) return null;
  return (
    <div
      role="status"
      className="flex flex-wrap items-center gap-x-3 gap-y-2 border-b border-line bg-sunken px-4 py-2.5"
    >
      <MailWarning aria-hidden className="size-4 shrink-0 text-ink-3" />
      <p className="min-w-0 flex-1 break-words text-ink-2">
        {resend.error
          ? resend.error.message
          : resend.isSuccess
            ? `Another letter is on its way to ${session.user.email}.`
            : `Confirm your address: open the letter that went to ${session.user.email}.`}
      </p>
      {!resend.isSuccess && (
        <Button busy={resend.isPending} onClick={() => resend.mutate()}>
          Send it again
        </Button>
      )}
    </div>
  );
}
