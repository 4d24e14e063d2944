import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { api } from "@/api/client";
import { ApiError, take } from "@/api/errors";
import { browserSessionsQuery, sessionQuery, type BrowserSession } from "@/api/queries";
import { useSession } from "@/api/session";
import { FormError } from "@/layout/auth";
import { formatAgo, formatDay } from "@/lib/dates";
import { useForm, z, zodResolver } from "@/lib/forms";
import { setTheme, useTheme, type Theme } from "@/lib/theme";
import { useNow } from "@/lib/use-now";
import { deviceName } from "@/lib/user-agent";
import { DeleteAccount } from "@/parts/delete-account";
import { Identities } from "@/parts/identities";
import { SecondFactor } from "@/parts/second-factor";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card, CardHead, Fact, Facts } from "@/ui/card";
import { TextField } from "@/ui/field";
import { Page } from "@/ui/page";
import { Segments } from "@/ui/segments";
import { Loaded } from "@/ui/states";
import { toast } from "@/ui/toast";

const THEMES = ["system", "light", "dark"] as const;
const THEME_NAMES: Record<Theme, string> = { system: "System", light: "Light", dark: "Dark" };

const schema = z
  .object({
    has: z.boolean(),
    current: z.string(),
    next: z.string().min(8, "Use at least 8 characters.").max(256, "At most 256 characters."),
    again: z.string(),
  })
  .refine(({ has, current }) => !has || current !== "", { path: ["current"], error: "Enter your present password." })
  .refine(({ next, again }) => next === again, { path: ["again"], error: "The two are not the same." });
type Values = z.infer<typeof schema>;

function Password() {
  const client = useQueryClient();
  const router = useRouter();
  const has = useSession().user.has_password;
  const form = useForm<Values>({
    resolver: zodResolver(schema),
    defaultValues: { has, current: "", next: "", again: "" },
  });
  const { errors } = form.formState;
  const change = useMutation({
    mutationFn: ({ current, next }: Values) =>
      take(
        api.POST("/api/v1/auth/password", {
          body: { current_password: has ? current : undefined, new_password: next },
        }),
      ),
    onSuccess: async () => {
      toast(has ? "Your password is changed." : "Your password is set.");
      // The page then asks for the present one.
      client.removeQueries({ queryKey: sessionQuery.queryKey });
      await router.invalidate();
      form.reset({ has: true, current: "", next: "", again: "" });
      void client.invalidateQueries({ queryKey: browserSessionsQuery.queryKey });
    },
    onError: (error) => {
      if (!(error instanceof ApiError)) return;
      if (error.param === "current_password")
        form.setError("current", { message: error.message }, { shouldFocus: true });
      if (error.param === "new_password") form.setError("next", { message: error.message }, { shouldFocus: true });
    },
  });
  const general = errors.current || errors.next ? null : change.error;
  return (
    <Card>
      <CardHead
        title="Password"
        note={has ? undefined : "You have none yet. The first one is set within 10 minutes after a log-in."}
      />
      <form
        noValidate
        className="max-w-sm space-y-4 p-4 sm:p-5"
        onSubmit={(event) => void form.handleSubmit((values) => change.mutate(values))(event)}
      >
        {has && (
          <TextField
            label="Present password"
            type="password"
            autoComplete="current-password"
            error={errors.current?.message}
            {...form.register("current")}
          />
        )}
        <TextField
          label="New password"
          type="password"
          autoComplete="new-password"
          hint="At least 8 characters."
          error={errors.next?.message}
          {...form.register("next")}
        />
        <TextField
          label="New password again"
          type="password"
          autoComplete="new-password"
          error={errors.again?.message}
          {...form.register("again")}
        />
        {general && <FormError>{general.message}</FormError>}
        <Button type="submit" busy={change.isPending}>
          {has ? "Change password" : "Set password"}
        </Button>
      </form>
    </Card>
  );
}

function SessionLine({ entry, now }: { entry: BrowserSession; now: number }) {
  const client = useQueryClient();
  const end = useMutation({
    mutationFn: () => take(api.DELETE("/api/v1/auth/sessions/{id}", { params: { path: { id: entry.id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: browserSessionsQuery.queryKey }),
    onError: (error) => toast(error.message, "bad"),
  });
  const device = deviceName(entry.user_agent ?? "");
  return (
    <li className="flex items-center justify-between gap-4 px-4 py-3 sm:px-5">
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-2 font-medium">
          {device} {entry.current && <Badge tone="good">This one</Badge>}
        </p>
        <p className="mt-0.5 text-sm text-ink-3">
          {[entry.address, `used ${formatAgo(entry.last_used_at, now)}`, `since ${formatDay(entry.created_at)}`]
            .filter(Boolean)
            .join(", ")}
        </p>
      </div>
      {!entry.current && (
        <Button size="small" busy={end.isPending} onClick={() => end.mutate()} aria-label={`Log out ${device}`}>
          Log out
        </Button>
      )}
    </li>
  );
}

/** Everywhere but here. */
function EndOthers({ count }: { count: number }) {
  const client = useQueryClient();
  const end = useMutation({
    mutationFn: () => take(api.DELETE("/api/v1/auth/sessions")),
    onSuccess: ({ ended }) => {
      toast(ended === 1 ? "One other session ended." : `${ended} other sessions ended.`);
      void client.invalidateQueries({ queryKey: browserSessionsQuery.queryKey });
    },
    onError: (error) => toast(error.message, "bad"),
  });
  if (count < 1) return null;
  return (
    <Button busy={end.isPending} onClick={() => end.mutate()}>
      Log out everywhere else
    </Button>
  );
}

export function Account() {
  const { user, role, organizationName } = useSession();
  const sessions = useQuery(browserSessionsQuery);
  const theme = useTheme();
  const now = useNow();
  return (
    <Page narrow title="Account">
      <div className="space-y-6">
        <Card>
          <CardHead title="Profile" />
          <Facts>
            <Fact name="Name">{user.name === "" ? "–" : user.name}</Fact>
            <Fact name="E-mail">{user.email}</Fact>
            <Fact name="Organization">{organizationName}</Fact>
            <Fact name="Role">
              <Badge>{role}</Badge>
            </Fact>
          </Facts>
        </Card>
        <Card>
          <CardHead
            title="Theme"
            note="On this device."
            action={<Segments label="Theme" value={theme} options={THEMES} names={THEME_NAMES} onChange={setTheme} />}
          />
        </Card>
        <Password key={String(user.has_password)} />
        <SecondFactor />
        <Identities />
        <Card>
          <CardHead title="Where you are logged in" action={<EndOthers count={(sessions.data?.length ?? 1) - 1} />} />
          <Loaded query={sessions}>
            {(list) => (
              <ul className="divide-y divide-line">
                {list.map((entry) => (
                  <SessionLine key={entry.id} entry={entry} now={now} />
                ))}
              </ul>
            )}
          </Loaded>
        </Card>
        <DeleteAccount />
      </div>
    </Page>
  );
}
