import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { sessionQuery } from "@/api/queries";
import { AuthLayout, FormError, LINK } from "@/layout/auth";
import { useForm, z, zodResolver } from "@/lib/forms";
import { inviteOf } from "@/lib/invite";
import { noteHere } from "@/lib/was-here";
import { TokenField } from "@/parts/token-field";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";

const schema = z.object({ password: z.string().min(1, "Enter the password that you chose.") });

export function ConfirmSignUp() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [token, setToken] = useState(() => inviteOf(window.location.hash));
  const form = useForm({ resolver: zodResolver(schema), defaultValues: { password: "" } });
  const confirm = useMutation({
    mutationFn: ({ password }: z.infer<typeof schema>) =>
      take(api.POST("/api/v1/auth/sign-up/confirm", { body: { token: token ?? "", password } })),
    onSuccess: (session) => {
      client.clear();
      noteHere(true);
      client.setQueryData(sessionQuery.queryKey, session);
      return navigate({ to: "/dashboard/get-started" });
    },
  });
  return (
    <AuthLayout
      title="Confirm your account"
      note="Enter the password that you chose when you signed up."
      foot={
        <Link to="/sign-up" className={LINK}>
          Sign up again
        </Link>
      }
    >
      {token === null ? (
        <TokenField onToken={setToken} />
      ) : (
        <form
          noValidate
          className="space-y-4"
          onSubmit={(event) => void form.handleSubmit((body) => confirm.mutate(body))(event)}
        >
          <TextField
            label="Password"
            type="password"
            autoComplete="current-password"
            error={form.formState.errors.password?.message}
            {...form.register("password")}
          />
          {confirm.error && <FormError>{confirm.error.message}</FormError>}
          <Button type="submit" kind="primary" className="w-full" busy={confirm.isPending}>
            Create account
          </Button>
        </form>
      )}
    </AuthLayout>
  );
}
