import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api } from "@/api/client";
import { ApiError, take } from "@/api/errors";
import { sessionQuery } from "@/api/queries";
import { FormError } from "@/layout/auth";
import { useForm, z, zodResolver } from "@/lib/forms";
import { noteHere } from "@/lib/was-here";
import { MailCheck } from "lucide-react";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { Empty } from "@/ui/states";

const schema = z.object({
  name: z.string().trim().max(200),
  email: z.email("Enter a valid e-mail address."),
  password: z.string().min(8, "Use at least 8 characters.").max(256, "At most 256 characters."),
});
type Values = z.infer<typeof schema>;

interface Props {
  /** The token of an invitation, which then goes with the request. */
  invite?: string;
  onDone: () => void | Promise<void>;
}

export function SignUpForm({ invite, onDone }: Props) {
  const client = useQueryClient();
  const form = useForm<Values>({ resolver: zodResolver(schema), defaultValues: { name: "", email: "", password: "" } });
  const { errors } = form.formState;
  const signUp = useMutation({
    mutationFn: ({ name, ...rest }: Values) =>
      take(api.POST("/api/v1/auth/sign-up", { body: { ...rest, invite, name: name === "" ? undefined : name } })),
    onSuccess: (session) => {
      if ("letter" in session) return;
      client.clear();
      noteHere(true);
      client.setQueryData(sessionQuery.queryKey, session);
      return onDone();
    },
    onError: (error) => {
      if (!(error instanceof ApiError)) return;
      const field = (["email", "password", "name"] as const).find((name) => name === error.param);
      if (field) form.setError(field, { message: error.message }, { shouldFocus: true });
    },
  });
  const general = (["email", "password", "name"] as const).some((name) => errors[name]) ? null : signUp.error;
  if (signUp.data && "letter" in signUp.data) {
    return (
      <Empty icon={MailCheck} title="Look at your mail">
        A letter is on its way. Open the address in it within 24 hours.
      </Empty>
    );
  }
  return (
    <form
      noValidate
      className="space-y-4"
      onSubmit={(event) => void form.handleSubmit((body) => signUp.mutate(body))(event)}
    >
      <TextField
        label="Name"
        hint="Optional."
        autoComplete="name"
        error={errors.name?.message}
        {...form.register("name")}
      />
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
        autoComplete="new-password"
        hint="At least 8 characters."
        error={errors.password?.message}
        {...form.register("password")}
      />
      {general && <FormError>{general.message}</FormError>}
      <Button type="submit" kind="primary" className="w-full" busy={signUp.isPending}>
        Create account
      </Button>
    </form>
  );
}
