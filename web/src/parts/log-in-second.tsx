import { useMutation } from "@tanstack/react-query";
import { useEffect } from "react";
import { api } from "@/api/client";
import { ApiError, take } from "@/api/errors";
import type { components } from "@/api/schema";
import { FormError } from "@/layout/auth";
import { useForm, z, zodResolver } from "@/lib/forms";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";

type AuthSession = components["schemas"]["AuthSessionOut"];

const schema = z.object({ code: z.string().trim().min(1, "Enter the code that your app shows.") });

/** The second step of a log-in, for those who set it up. */
export function LogInSecond({
  token,
  onSession,
  onAgain,
}: {
  token: string;
  onSession: (session: AuthSession) => void;
  onAgain: () => void;
}) {
  const form = useForm({ resolver: zodResolver(schema), defaultValues: { code: "" } });
  const { errors } = form.formState;
  const logIn = useMutation({
    mutationFn: ({ code }: z.infer<typeof schema>) =>
      take(api.POST("/api/v1/auth/log-in/second", { body: { token, code } })),
    onSuccess: onSession,
    onError: (error) => {
      if (error instanceof ApiError && error.param === "code")
        form.setError("code", { message: error.message }, { shouldFocus: true });
    },
  });
  // The step before ends in the one thing that there is to do here.
  const { setFocus } = form;
  useEffect(() => setFocus("code"), [setFocus]);
  return (
    <form
      noValidate
      className="space-y-4"
      onSubmit={(event) => void form.handleSubmit((body) => logIn.mutate(body))(event)}
    >
      <TextField
        label="Code"
        hint="Six digits of your authenticator app, or one of your recovery codes."
        autoComplete="one-time-code"
        autoCapitalize="none"
        spellCheck={false}
        error={errors.code?.message}
        {...form.register("code")}
      />
      {logIn.error && errors.code === undefined && <FormError>{logIn.error.message}</FormError>}
      <Button type="submit" kind="primary" className="w-full" busy={logIn.isPending}>
        Log in
      </Button>
      <Button className="w-full" onClick={onAgain}>
        Start again
      </Button>
    </form>
  );
}
