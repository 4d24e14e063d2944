import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { sessionQuery } from "@/api/queries";
import type { components } from "@/api/schema";
import { FormError, LINK } from "@/layout/auth";
import { useForm, z, zodResolver } from "@/lib/forms";
import { noteHere } from "@/lib/was-here";
import { LogInSecond } from "@/parts/log-in-second";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";

type AuthSession = components["schemas"]["AuthSessionOut"];

const schema = z.object({
  email: z.email("Enter the e-mail address of your account."),
  password: z.string().min(1, "Enter your password."),
});

export function LogInForm({ onDone }: { onDone: () => void }) {
  const client = useQueryClient();
  const [owed, setOwed] = useState<string | null>(null);
  const form = useForm({ resolver: zodResolver(schema), defaultValues: { email: "", password: "" } });
  const { errors } = form.formState;
  const logIn = useMutation({
    mutationFn: (body: z.infer<typeof schema>) => take(api.POST("/api/v1/auth/log-in", { body })),
    onSuccess: (answer) => ("token" in answer ? setOwed(answer.token) : onSession(answer)),
  });
  const onSession = (session: AuthSession) => {
    client.clear();
    noteHere(true);
    client.setQueryData(sessionQuery.queryKey, session);
    onDone();
  };
  if (owed !== null) return <LogInSecond token={owed} onSession={onSession} onAgain={() => setOwed(null)} />;
  return (
    <form
      noValidate
      className="space-y-4"
      onSubmit={(event) => void form.handleSubmit((body) => logIn.mutate(body))(event)}
    >
      <TextField
        label="E-mail"
        type="email"
        autoComplete="username"
        error={errors.email?.message}
        {...form.register("email")}
      />
      <TextField
        label="Password"
        type="password"
        autoComplete="current-password"
        error={errors.password?.message}
        {...form.register("password")}
      />
      <p className="text-right">
        <Link to="/forgot-password" className={LINK}>
          Forgot your password?
        </Link>
      </p>
      {logIn.error && <FormError>{logIn.error.message}</FormError>}
      <Button type="submit" kind="primary" className="w-full" busy={logIn.isPending}>
        Log in
      </Button>
    </form>
  );
}
