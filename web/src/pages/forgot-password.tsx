import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { MailCheck } from "lucide-react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { AuthLayout, FormError, LINK } from "@/layout/auth";
import { useForm, z, zodResolver } from "@/lib/forms";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { Empty } from "@/ui/states";

const schema = z.object({ email: z.email("Enter the e-mail address of your account.") });

export function ForgotPassword() {
  const form = useForm({ resolver: zodResolver(schema), defaultValues: { email: "" } });
  const ask = useMutation({
    mutationFn: (body: z.infer<typeof schema>) => take(api.POST("/api/v1/auth/password/forgot", { body })),
  });
  return (
    <AuthLayout
      title="Forgot your password?"
      note="A letter lets you set another one."
      foot={
        <Link to="/log-in" className={LINK}>
          Back to log-in
        </Link>
      }
    >
      {ask.isSuccess ? (
        <Empty icon={MailCheck} title="Look at your mail">
          If this address has an account, a letter is on its way. It works for an hour. On an instance without a mail
          server the operator passes it on.
        </Empty>
      ) : (
        <form
          noValidate
          className="space-y-4"
          onSubmit={(event) => void form.handleSubmit((body) => ask.mutate(body))(event)}
        >
          <TextField
            label="E-mail"
            type="email"
            autoComplete="username"
            error={form.formState.errors.email?.message}
            {...form.register("email")}
          />
          {ask.error && <FormError>{ask.error.message}</FormError>}
          <Button type="submit" kind="primary" className="w-full" busy={ask.isPending}>
            Send the letter
          </Button>
        </form>
      )}
    </AuthLayout>
  );
}
