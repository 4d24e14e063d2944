import { useMutation, useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { authSettingsQuery } from "@/api/queries";
import { FormError } from "@/layout/auth";
import { Button } from "@/ui/button";

/** The ways in that somebody else vouches for; nothing where there are none. */
export function SignInButtons({ invite }: { invite?: string }) {
  const { data: settings } = useQuery(authSettingsQuery);
  const leave = useMutation({
    mutationFn: (provider: string) => take(api.POST("/api/v1/auth/sign-in/begin", { body: { provider, invite } })),
    onSuccess: ({ url }) => window.location.assign(url),
  });
  if (settings === undefined || !settings.log_in || settings.sign_in.length === 0) return null;
  return (
    <div className="mb-5 space-y-2">
      {settings.sign_in.map(({ id, name }) => (
        <Button
          key={id}
          className="w-full"
          busy={leave.isPending && leave.variables === id}
          disabled={leave.isPending}
          onClick={() => leave.mutate(id)}
        >
          Continue with {name}
        </Button>
      ))}
      {leave.error && <FormError>{leave.error.message}</FormError>}
      <p className="flex items-center gap-3 pt-3 text-sm text-ink-3 before:h-px before:flex-1 before:bg-line after:h-px after:flex-1 after:bg-line">
        or with a password
      </p>
    </div>
  );
}
