import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useLocation, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { chooseOrganization } from "@/api/organization";
import { authSettingsQuery, sessionQuery, type Session } from "@/api/queries";
import { AuthLayout, FormError, NoLogIn } from "@/layout/auth";
import { inviteOf, pastedInvite } from "@/lib/invite";
import { keepKey } from "@/lib/key-in-hand";
import { noteHere, wasHere } from "@/lib/was-here";
import { LogInForm } from "@/parts/log-in-form";
import { SignInButtons } from "@/parts/sign-in-buttons";
import { SignUpForm } from "@/parts/sign-up-form";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { Segments } from "@/ui/segments";
import { Bone, Loaded } from "@/ui/states";
import { toast } from "@/ui/toast";

/** Letters of an instance that does not know its own address carry the bare token. */
function Paste({ onToken }: { onToken: (token: string) => void }) {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(false);
  return (
    <form
      noValidate
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        const token = pastedInvite(text);
        setWrong(token === null);
        if (token !== null) onToken(token);
      }}
    >
      <TextField
        mono
        label="Invitation"
        hint="The address or the code in your letter."
        autoComplete="off"
        value={text}
        error={wrong ? "Copy the whole address, or the code, out of the letter." : undefined}
        onChange={(event) => setText(event.target.value)}
      />
      <Button type="submit" kind="primary" className="w-full">
        Continue
      </Button>
    </form>
  );
}

interface AcceptProps {
  session: Session;
  invite: string;
  onLoggedOut: () => void;
}

function Accept({ session, invite, onLoggedOut }: AcceptProps) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const accept = useMutation({
    mutationFn: () => take(api.POST("/api/v1/auth/invites/accept", { body: { invite } })),
    onSuccess: async ({ id, name, role }) => {
      chooseOrganization(id);
      keepKey(null);
      client.clear();
      toast(`You belong to ${name} now, as ${role}.`);
      // The token leaves the history with its page.
      await navigate({ to: "/dashboard/usage", replace: true });
    },
  });
  const other = useMutation({
    mutationFn: () => take(api.POST("/api/v1/auth/log-out")),
    onSuccess: () => {
      keepKey(null);
      noteHere(false);
      client.clear();
      client.setQueryData(sessionQuery.queryKey, null);
      onLoggedOut();
    },
  });
  const error = accept.error ?? other.error;
  return (
    <div className="space-y-4">
      <div>
        <p className="text-sm text-ink-3">You are logged in as</p>
        <p className="mt-0.5 font-medium wrap-anywhere">{session.user.email}</p>
      </div>
      {error && <FormError>{error.message}</FormError>}
      <div className="space-y-2">
        <Button kind="primary" className="w-full" busy={accept.isPending} onClick={() => accept.mutate()}>
          Accept invitation
        </Button>
        <Button className="w-full" busy={other.isPending} onClick={() => other.mutate()}>
          Use another account
        </Button>
      </div>
    </div>
  );
}

const WAYS = ["sign-up", "log-in"] as const;
const WAY_NAMES = { "sign-up": "New account", "log-in": "I have an account" };

function Enter({ invite, onLoggedIn }: { invite: string; onLoggedIn: () => void }) {
  const navigate = useNavigate();
  const settings = useQuery(authSettingsQuery);
  const [way, setWay] = useState<(typeof WAYS)[number]>("sign-up");
  return (
    <Loaded query={settings} loading={<Bone className="h-64" />}>
      {({ log_in }) =>
        log_in ? (
          <div className="space-y-5">
            <SignInButtons invite={invite} />
            <Segments label="How to go on" value={way} options={WAYS} names={WAY_NAMES} onChange={setWay} />
            {way === "sign-up" ? (
              <SignUpForm invite={invite} onDone={() => navigate({ to: "/dashboard/get-started", replace: true })} />
            ) : (
              // Who is logged in then is asked whether to accept.
              <LogInForm onDone={onLoggedIn} />
            )}
          </div>
        ) : (
          <NoLogIn />
        )
      }
    </Loaded>
  );
}

function Somebody({ invite, onChange }: { invite: string; onChange: () => void }) {
  // Whoever was never logged in here is not asked for.
  const known = wasHere();
  const session = useQuery({ ...sessionQuery, enabled: known });
  if (!known) return <Enter invite={invite} onLoggedIn={onChange} />;
  return (
    <Loaded query={session} loading={<Bone className="h-64" />}>
      {(who) =>
        who === null ? (
          <Enter invite={invite} onLoggedIn={onChange} />
        ) : (
          <Accept session={who} invite={invite} onLoggedOut={onChange} />
        )
      }
    </Loaded>
  );
}

export function Invite() {
  const { hash } = useLocation();
  const [pasted, setPasted] = useState<string | null>(null);
  // Logging in and out empties the cache under whoever looks at it: they begin anew.
  const [changes, setChanges] = useState(0);
  const invite = pasted ?? inviteOf(hash);
  return (
    <AuthLayout
      title="Join an organization"
      note={
        invite === null
          ? "Somebody invited you? Your letter has what is needed here."
          : "Your letter says who invites you, to which organization and as what. Go on with the e-mail address that got it."
      }
      foot="An invitation lasts 7 days and works once."
    >
      {invite === null ? (
        <Paste onToken={setPasted} />
      ) : (
        <Somebody key={changes} invite={invite} onChange={() => setChanges(changes + 1)} />
      )}
    </AuthLayout>
  );
}
