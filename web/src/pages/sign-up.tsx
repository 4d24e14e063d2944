import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { UserRoundX } from "lucide-react";
import { authSettingsQuery, type AuthSettings } from "@/api/queries";
import { AuthLayout, LINK, NoLogIn } from "@/layout/auth";
import { SignInButtons } from "@/parts/sign-in-buttons";
import { SignUpForm } from "@/parts/sign-up-form";
import { Bone, Empty, Loaded } from "@/ui/states";

const NOTES: Record<AuthSettings["signup"], string> = {
  open: "An account, an organization and a first API key in a minute.",
  invite: "This instance takes invited people: use the address that was invited.",
  domain: "This instance takes addresses of its own domains: use your work address.",
  closed: "New accounts are made by this instance's operator.",
};

function note(settings: AuthSettings | undefined): string {
  if (settings?.first === true) return "The first account runs this instance.";
  return NOTES[settings?.signup ?? "open"];
}

export function SignUp() {
  const settings = useQuery(authSettingsQuery);
  const navigate = useNavigate();
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
            <>
              <SignInButtons />
              <SignUpForm onDone={() => navigate({ to: "/dashboard/get-started" })} />
            </>
          )
        }
      </Loaded>
    </AuthLayout>
  );
}
