import { useMutation } from "@tanstack/react-query";
import { api } from "@/api/client";
import { ApiError, take } from "@/api/errors";
import type { components } from "@/api/schema";
import { FormError } from "@/layout/auth";
import { useForm, z, zodResolver } from "@/lib/forms";
import { Button } from "@/ui/button";
import { CopyButton } from "@/ui/copy";
import { Dialog, DialogActions } from "@/ui/dialog";
import { TextField } from "@/ui/field";

type Totp = components["schemas"]["TotpOut"];

const own = z.object({ password: z.string().min(1, "Enter your password.") });
const first = z.object({ code: z.string().trim().min(1, "Enter the code that your app shows.") });

/** Cameras read dark on light, in both themes, with a margin of four modules. */
function Qr({ size, path }: { size: number; path: string }) {
  return (
    <svg
      role="img"
      aria-label="QR code for your authenticator app"
      viewBox={`-4 -4 ${size + 8} ${size + 8}`}
      shapeRendering="crispEdges"
      className="mx-auto size-52 rounded-lg"
    >
      <rect x={-4} y={-4} width={size + 8} height={size + 8} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}

function Confirm({ made, onDone, onClose }: { made: Totp; onDone: (codes: string[]) => void; onClose: () => void }) {
  const form = useForm({ resolver: zodResolver(first), defaultValues: { code: "" } });
  const { errors } = form.formState;
  const confirm = useMutation({
    mutationFn: (body: z.infer<typeof first>) => take(api.POST("/api/v1/auth/second-factor/totp/confirm", { body })),
    onSuccess: ({ recovery_codes }) => onDone(recovery_codes),
    onError: (error) => {
      if (error instanceof ApiError && error.param === "code")
        form.setError("code", { message: error.message }, { shouldFocus: true });
    },
  });
  return (
    <form
      noValidate
      className="space-y-4"
      onSubmit={(event) => void form.handleSubmit((body) => confirm.mutate(body))(event)}
    >
      <Qr size={made.qr_size} path={made.qr_path} />
      <div className="flex items-center gap-2 rounded-lg border border-line bg-side py-1 pr-1 pl-3">
        <code className="min-w-0 flex-1 font-mono text-sm wrap-anywhere select-all">{made.secret}</code>
        <CopyButton text={made.secret} label="Copy secret" />
      </div>
      <TextField
        label="First code"
        hint="Six digits that the app shows now."
        inputMode="numeric"
        autoComplete="one-time-code"
        error={errors.code?.message}
        {...form.register("code")}
      />
      {confirm.error && errors.code === undefined && <FormError>{confirm.error.message}</FormError>}
      <DialogActions>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" busy={confirm.isPending}>
          Confirm
        </Button>
      </DialogActions>
    </form>
  );
}

/** From the password to the app's first code; then there are recovery codes. */
export function SetUpApp({ onDone, onClose }: { onDone: (codes: string[]) => void; onClose: () => void }) {
  const form = useForm({ resolver: zodResolver(own), defaultValues: { password: "" } });
  const { errors } = form.formState;
  const begin = useMutation({
    mutationFn: (body: z.infer<typeof own>) => take(api.POST("/api/v1/auth/second-factor/totp", { body })),
    onError: (error) => {
      if (error instanceof ApiError && error.param === "password")
        form.setError("password", { message: error.message }, { shouldFocus: true });
    },
  });
  const made = begin.data;
  return (
    <Dialog
      open
      sticky={made !== undefined}
      onOpenChange={onClose}
      title="Set up an authenticator app"
      description={
        made === undefined
          ? "Your other sessions end when it is set up."
          : "Scan this with your app, or type the secret into it."
      }
    >
      {made === undefined ? (
        <form
          noValidate
          className="space-y-4"
          onSubmit={(event) => void form.handleSubmit((body) => begin.mutate(body))(event)}
        >
          <TextField
            label="Your password"
            type="password"
            autoComplete="current-password"
            error={errors.password?.message}
            {...form.register("password")}
          />
          {begin.error && errors.password === undefined && <FormError>{begin.error.message}</FormError>}
          <DialogActions>
            <Button onClick={onClose}>Cancel</Button>
            <Button type="submit" kind="primary" busy={begin.isPending}>
              Continue
            </Button>
          </DialogActions>
        </form>
      ) : (
        <Confirm made={made} onDone={onDone} onClose={onClose} />
      )}
    </Dialog>
  );
}
