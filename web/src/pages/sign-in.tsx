import { useMutation, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { sessionQuery } from "@/api/queries";
import type { components } from "@/api/schema";
import { AuthLayout, FormError, LINK } from "@/layout/auth";
import { noteHere } from "@/lib/was-here";
import { signInAnswer, type SignInAnswer } from "@/lib/sign-in";
import { LogInSecond } from "@/parts/log-in-second";
import { Loading } from "@/ui/states";
import { toast } from "@/ui/toast";

/** Where a sign-in provider sends the browser back to, with an answer for the server. */
export function SignIn() {
  const { provider } = getRouteApi("/sign-in/$provider").useParams();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [answer] = useState(() => signInAnswer(window.location.search));
  const sent = useRef(false);
  const linking = answer.kind === "answer" && answer.linking;
  const [owed, setOwed] = useState<string | null>(null);
  const onSession = async (session: components["schemas"]["AuthSessionOut"]) => {
    client.clear();
    noteHere(true);
    client.setQueryData(sessionQuery.queryKey, session);
    await navigate({ to: "/dashboard/usage", replace: true });
  };
  const finish = useMutation({
    mutationFn: async ({ state, code, linking }: Extract<SignInAnswer, { kind: "answer" }>) => {
      const body = { provider, state, code };
      if (linking) {
        const identity = await take(api.POST("/api/v1/auth/identities/finish", { body }));
        return { name: identity.name };
      }
      return { entry: await take(api.POST("/api/v1/auth/sign-in/finish", { body })) };
    },
    onSuccess: async (done) => {
      if (done.entry === undefined) {
        client.clear();
        toast(`${done.name} is linked.`);
        await navigate({ to: "/dashboard/account", replace: true });
        return;
      }
      if ("token" in done.entry) setOwed(done.entry.token);
      else await onSession(done.entry);
    },
  });
  const { mutate } = finish;
  useEffect(() => {
    if (sent.current || answer.kind !== "answer") return;
    sent.current = true;
    // The answer works once, and leaves the history before it is used.
    window.history.replaceState(window.history.state, "", window.location.pathname);
    mutate(answer);
  }, [answer, mutate]);
  const wrong = answer.kind === "refused" ? answer.why : finish.error?.message;
  return (
    <AuthLayout
      title={linking ? "Link an account" : "Log in"}
      note="With the answer of the sign-in provider."
      foot={
        linking ? (
          <Link to="/dashboard/account" className={LINK}>
            To your account
          </Link>
        ) : (
          <Link to="/log-in" className={LINK}>
            Log in another way
          </Link>
        )
      }
    >
      {owed !== null ? (
        <LogInSecond
          token={owed}
          onSession={(session) => void onSession(session)}
          onAgain={() => void navigate({ to: "/log-in", replace: true })}
        />
      ) : wrong === undefined ? (
        <Loading />
      ) : (
        <FormError>{wrong}</FormError>
      )}
    </AuthLayout>
  );
}
