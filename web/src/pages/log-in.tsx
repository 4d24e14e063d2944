import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useRouter } from "@tanstack/react-router";
import { authSettingsQuery } from "@/api/queries";
import { AuthLayout, LINK, NoLogIn } from "@/layout/auth";
import { LogInForm } from "@/parts/log-in-form";
import { SignInButtons } from "@/parts/sign-in-buttons";

export function LogIn() {
  const { next } = getRouteApi("/log-in").useSearch();
  const router = useRouter();
  const { data: settings } = useQuery(authSettingsQuery);
  return (
    <AuthLayout
      title="Log in"
      note="Welcome back."
      foot={
        settings?.signup === "closed" && !settings.first ? (
          "Sign-up is closed on this instance."
        ) : (
          <>
            No account yet?{" "}
            <Link to="/sign-up" className={LINK}>
              Sign up
            </Link>
          </>
        )
      }
    >
      {settings?.log_in === false ? (
        <NoLogIn />
      ) : (
        <>
          <SignInButtons />
          <LogInForm onDone={() => router.history.push(next ?? "/dashboard/usage")} />
        </>
      )}
    </AuthLayout>
  );
}
