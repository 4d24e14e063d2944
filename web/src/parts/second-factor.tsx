import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { TriangleAlert } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import { ApiError, take } from "@/api/errors";
import { browserSessionsQuery, secondFactorQuery } from "@/api/queries";
import { FormError } from "@/layout/auth";
import { download } from "@/lib/csv";
import { formatDay } from "@/lib/dates";
import { useForm, z, zodResolver } from "@/lib/forms";
import { SetUpApp } from "@/parts/set-up-app";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card, CardHead } from "@/ui/card";
import { CopyButton } from "@/ui/copy";
import { Dialog, DialogActions } from "@/ui/dialog";
import { TextField } from "@/ui/field";
import { Loaded } from "@/ui/states";
import { toast } from "@/ui/toast";

const schema = z.object({
  password: z.string().min(1, "Enter your password."),
  code: z.string().trim().min(1, "Enter a code of your app, or a recovery code."),
});
type Both = z.infer<typeof schema>;

const RENEW = {
  title: "New recovery codes",
  note: "The old ones work no more.",
  action: "Make new codes",
  act: (body: Both) => take(api.POST("/api/v1/auth/second-factor/recovery-codes", { body })),
};
const REMOVE = {
  title: "Remove the authenticator app",
  note: "Your password alone logs you in then, and recovery codes work no more.",
  action: "Remove",
  act: (body: Both) =>
    take(api.POST("/api/v1/auth/second-factor/remove", { body })).then(() => ({ recovery_codes: [] as string[] })),
};

/** For what takes both proofs. */
function Ask({
  what,
  onDone,
  onClose,
}: {
  what: typeof RENEW;
  onDone: (codes: string[]) => void;
  onClose: () => void;
}) {
  const form = useForm({ resolver: zodResolver(schema), defaultValues: { password: "", code: "" } });
  const { errors } = form.formState;
  const act = useMutation({
    mutationFn: what.act,
    onSuccess: ({ recovery_codes }) => onDone(recovery_codes),
    onError: (error) => {
      if (error instanceof ApiError && (error.param === "password" || error.param === "code"))
        form.setError(error.param, { message: error.message }, { shouldFocus: true });
    },
  });
  const general = errors.password || errors.code ? null : act.error;
  return (
    <Dialog open onOpenChange={onClose} title={what.title} description={what.note}>
      <form
        noValidate
        className="space-y-4"
        onSubmit={(event) => void form.handleSubmit((body) => act.mutate(body))(event)}
      >
        <TextField
          label="Your password"
          type="password"
          autoComplete="current-password"
          error={errors.password?.message}
          {...form.register("password")}
        />
        <TextField
          label="Code"
          hint="Of your app, or a recovery code."
          autoComplete="one-time-code"
          error={errors.code?.message}
          {...form.register("code")}
        />
        {general && <FormError>{general.message}</FormError>}
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind={what === REMOVE ? "danger" : "primary"} busy={act.isPending}>
            {what.action}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

function Codes({ codes, onClose }: { codes: string[]; onClose: () => void }) {
  const text = codes.join("\n") + "\n";
  return (
    <Dialog
      open
      sticky
      onOpenChange={onClose}
      title="Your recovery codes"
      description="Each logs you in once, when your app is not at hand."
    >
      <ul className="grid grid-cols-1 gap-x-6 gap-y-1 rounded-lg border border-line bg-side p-4 font-mono text-sm sm:grid-cols-2">
        {codes.map((code) => (
          <li key={code} className="select-all">
            {code}
          </li>
        ))}
      </ul>
      <p className="mt-3 flex items-start gap-2 text-sm text-warn">
        <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
        Keep them now, away from your phone. They cannot be shown again.
      </p>
      <DialogActions>
        <CopyButton kind="button" text={text} label="Copy codes" />
        <Button onClick={() => download("llmg-recovery-codes.txt", text, "text/plain;charset=utf-8")}>Download</Button>
        <Button kind="primary" onClick={onClose}>
          I have kept them
        </Button>
      </DialogActions>
    </Dialog>
  );
}

/** What a log-in asks for beside the password. */
export function SecondFactor() {
  const client = useQueryClient();
  const factor = useQuery(secondFactorQuery);
  const [open, setOpen] = useState<"set-up" | typeof RENEW | null>(null);
  const [codes, setCodes] = useState<string[]>([]);
  const onDone = (fresh: string[]) => {
    if (open === REMOVE) toast("Your log-in asks for no code any more.");
    setOpen(null);
    setCodes(fresh);
    for (const { queryKey } of [secondFactorQuery, browserSessionsQuery]) void client.invalidateQueries({ queryKey });
  };
  return (
    <Card>
      <CardHead title="Second factor" note="A code of an authenticator app, beside your password." />
      <Loaded query={factor}>
        {({ totp, totp_at, recovery_codes }) => (
          <div className="flex flex-wrap items-center justify-between gap-3 p-4 sm:p-5">
            {totp ? (
              <p className="flex flex-wrap items-center gap-2">
                <Badge tone="good">On</Badge>
                <span className="text-sm text-ink-3">
                  {totp_at && `since ${formatDay(totp_at)}, `}
                  {recovery_codes === 1 ? "1 recovery code" : `${recovery_codes} recovery codes`} left
                </span>
              </p>
            ) : (
              <p className="text-ink-2">Whoever learns your password can log in.</p>
            )}
            <div className="flex flex-wrap gap-2">
              {totp ? (
                <>
                  <Button onClick={() => setOpen(RENEW)}>New recovery codes</Button>
                  <Button kind="danger" onClick={() => setOpen(REMOVE)}>
                    Remove
                  </Button>
                </>
              ) : (
                <Button kind="primary" onClick={() => setOpen("set-up")}>
                  Set up
                </Button>
              )}
            </div>
          </div>
        )}
      </Loaded>
      {open === "set-up" && <SetUpApp onDone={onDone} onClose={() => setOpen(null)} />}
      {open !== null && open !== "set-up" && <Ask what={open} onDone={onDone} onClose={() => setOpen(null)} />}
      {codes.length > 0 && <Codes codes={codes} onClose={() => setCodes([])} />}
    </Card>
  );
}
