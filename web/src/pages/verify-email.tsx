import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { MailCheck } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { AuthLayout, FormError, LINK } from "@/layout/auth";
import { inviteOf } from "@/lib/invite";
import { TokenField } from "@/parts/token-field";
import { Button } from "@/ui/button";
import { Empty } from "@/ui/states";

/** A click, not the mere opening, uses the token: programs that look at letters open their addresses, too. */
export function VerifyEmail() {
  const client = useQueryClient();
  const [token, setToken] = useState(() => inviteOf(window.location.hash));
  const verify = useMutation({
    mutationFn: (token: string) => take(api.POST("/api/v1/auth/email/verify", { body: { token } })),
    onSuccess: () => client.clear(),
  });
  return (
    <AuthLayout
      title="Confirm your address"
      note="So that invitations and resets reach you."
      foot={
        <Link to="/dashboard" className={LINK}>
          To the dashboard
        </Link>
      }
    >
      {verify.isSuccess ? (
        <Empty icon={MailCheck} title="Your address is confirmed" />
      ) : token === null ? (
        <TokenField onToken={setToken} />
      ) : (
        <div className="space-y-4">
          {verify.error && <FormError>{verify.error.message}</FormError>}
          <Button kind="primary" className="w-full" busy={verify.isPending} onClick={() => verify.mutate(token)}>
            Confirm
          </Button>
        </div>
      )}
    </AuthLayout>
  );
}
