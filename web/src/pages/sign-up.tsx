import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { UserRoundX } from "lucide-react";
import { api } from "@/api/client";
import { ApiError, take } from "@/api/errors";
import { authSettingsQuery, sessionQuery, type AuthSettings } from "@/api/queries";
import { AuthLayout, FormError, LINK, NoLogIn } from "@/layout/auth";
import { useForm, z, zodResolver } from "@/lib/forms";
import { noteHere } from "@/lib/was-here";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { Bone, Empty, Loaded } from "@/ui/states";

const schema = z.object({
  name: z.string().trim().max(200),
  email: z.email("Enter a valid e-mail address."),
  password: z.string().min(8, "Use at least 8 characters.").max(256, "At most 256 characters."),
});
type Values = z.infer<typeof schema>;

const NOTES: Record<AuthSettings["signup"], string> = {
  open: "An account, an organization and a first API key in a minute.",
  invite: "This instance takes invited people: use the address that was invited.",
  domain: "This instance takes addresses of its own domains: use your work address.",
  closed: "New accounts are made by this instance's operator.",
};

function Form() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const form = useForm<Values>({ resolver: zodResolver(schema), defaultValues: { name: "", email: "", password: "" } });
  const { errors } = form.formState;
  const signUp = useMutation({
    mutationFn: ({ name, ...rest }: Values) =>
      take(api.POST("/api/v1/auth/sign-up", { body: name === "" ? rest : { ...rest, name } })),
    onSuccess: (session) => {
      client.clear();
      noteHere(true);
      client.setQueryData(sessionQuery.queryKey, session);
      return navigate({ to: "/dashboard/get-started" });
    },
    onError: (error) => {
      if (!(error instanceof ApiError)) return;
      const field = (["email", "password", "name"] as const).find((name) => name === error.param);
      if (field) form.setError(field, { message: error.message }, { shouldFocus: true });
    },
  });
  const general = (["email", "password", "name"] as const).some((name) => errors[name]) ? null : signUp.error;
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

function note(settings: AuthSettings | undefined): string {
  if (settings?.first === true) return "The first account runs this instance.";
  return NOTES[settings?.signup ?? "open"];
}

export function SignUp() {
  const settings = useQuery(authSettingsQuery);
  return (
    <AuthLayout
      title="Sign up"
      note={note(settings.data)}
      foot={
        <>
          Have an account?{" "}
          <Link to="/log-in" className={LINK}>
            Log in
          </Link>
        </>
      }
    >
      <Loaded query={settings} loading={<Bone className="h-64" />}>
        {({ signup, first, log_in }) =>
          !log_in ? (
            <NoLogIn />
          ) : signup === "closed" && !first ? (
            <Empty icon={UserRoundX} title="Sign-up is closed">
              Ask the operator of this instance for an account.
            </Empty>
          ) : (
            <Form />
          )
        }
      </Loaded>
    </AuthLayout>
  );
}
