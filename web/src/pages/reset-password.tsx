import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { KeyRound } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { AuthLayout, FormError, LINK } from "@/layout/auth";
import { useForm, z, zodResolver } from "@/lib/forms";
import { inviteOf } from "@/lib/invite";
import { TokenField } from "@/parts/token-field";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { Empty } from "@/ui/states";

const schema = z.object({
  new_password: z.string().min(8, "Use at least 8 characters.").max(256, "At most 256 characters."),
});

export function ResetPassword() {
  const client = useQueryClient();
  const [token, setToken] = useState(() => inviteOf(window.location.hash));
  const form = useForm({ resolver: zodResolver(schema), defaultValues: { new_password: "" } });
  const reset = useMutation({
    mutationFn: ({ new_password }: z.infer<typeof schema>) =>
      take(api.POST("/api/v1/auth/password/reset", { body: { token: token ?? "", new_password } })),
    onSuccess: () => client.clear(),
  });
  return (
    <AuthLayout
      title="Set another password"
      note="All browsers that are logged in will be logged out."
      foot={
        <Link to="/log-in" className={LINK}>
          Log in
        </Link>
      }
    >
      {reset.isSuccess ? (
        <Empty icon={KeyRound} title="Your password is changed">
          Log in with the new one.
        </Empty>
      ) : token === null ? (
        <TokenField onToken={setToken} />
      ) : (
        <form
          noValidate
          className="space-y-4"
          onSubmit={(event) => void form.handleSubmit((body) => reset.mutate(body))(event)}
        >
          <TextField
            label="New password"
            type="password"
            autoComplete="new-password"
            hint="At least 8 characters."
            error={form.formState.errors.new_password?.message}
            {...form.register("new_password")}
          />
          {reset.error && <FormError>{reset.error.message}</FormError>}
          <Button type="submit" kind="primary" className="w-full" busy={reset.isPending}>
            Change password
          </Button>
        </form>
      )}
    </AuthLayout>
  );
}
