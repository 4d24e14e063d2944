import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Download } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { billingQuery, organizationQuery } from "@/api/people";
import { sessionQuery } from "@/api/queries";
import { may, useSession } from "@/api/session";
import { FormError } from "@/layout/auth";
import { downloadBlob } from "@/lib/csv";
import { formatMoment } from "@/lib/dates";
import { useForm, z, zodResolver } from "@/lib/forms";
import { DeleteOrganization } from "@/parts/delete-organization";
import { useKeepOrganization } from "@/parts/use-keep-organization";
import { Button } from "@/ui/button";
import { Card, CardHead } from "@/ui/card";
import { TextField } from "@/ui/field";
import { Page } from "@/ui/page";
import { Loaded } from "@/ui/states";
import { toast } from "@/ui/toast";

const nameSchema = z.object({ name: z.string().trim().min(1, "It needs a name.").max(200) });

function Name({ name }: { name: string }) {
  const client = useQueryClient();
  const form = useForm({ resolver: zodResolver(nameSchema), defaultValues: { name } });
  const rename = useMutation({
    mutationFn: (body: z.infer<typeof nameSchema>) => take(api.PATCH("/api/v1/organization", { body })),
    onSuccess: async () => {
      toast("The organization has another name.");
      await client.invalidateQueries({ queryKey: organizationQuery.queryKey });
      await client.invalidateQueries({ queryKey: sessionQuery.queryKey });
    },
  });
  return (
    <Card>
      <CardHead title="Name" note="As its members and letters show it." />
      <form
        noValidate
        className="flex max-w-xl flex-wrap items-start gap-3 p-4 sm:p-5"
        onSubmit={(event) => void form.handleSubmit((body) => rename.mutate(body))(event)}
      >
        <TextField
          bare
          label="Name"
          className="min-w-60 flex-1"
          error={form.formState.errors.name?.message}
          {...form.register("name")}
        />
        <Button type="submit" busy={rename.isPending}>
          Rename
        </Button>
        {rename.error && <FormError>{rename.error.message}</FormError>}
      </form>
    </Card>
  );
}

const emailSchema = z.object({ email: z.union([z.literal(""), z.email("An e-mail address, or nothing.")]) });

function BillingEmail({ email }: { email: string | null }) {
  const client = useQueryClient();
  const form = useForm({ resolver: zodResolver(emailSchema), defaultValues: { email: email ?? "" } });
  const set = useMutation({
    mutationFn: (value: z.infer<typeof emailSchema>) =>
      take(api.PATCH("/api/v1/billing", { body: { billing_email: value.email === "" ? null : value.email } })),
    onSuccess: async () => {
      toast("Saved.");
      await client.invalidateQueries({ queryKey: billingQuery.queryKey });
    },
  });
  return (
    <form
      noValidate
      className="flex max-w-xl flex-wrap items-start gap-3 p-4 sm:p-5"
      onSubmit={(event) => void form.handleSubmit((value) => set.mutate(value))(event)}
    >
      <TextField
        bare
        label="Billing e-mail"
        type="email"
        autoComplete="email"
        placeholder="The owners' addresses"
        className="min-w-60 flex-1"
        error={form.formState.errors.email?.message}
        {...form.register("email")}
      />
      <Button type="submit" busy={set.isPending}>
        Save
      </Button>
      {set.error && <FormError>{set.error.message}</FormError>}
    </form>
  );
}

function Billing() {
  const billing = useQuery(billingQuery);
  return (
    <Card>
      <CardHead title="Billing e-mail" note="Where words about money go; empty: to the owners." />
      <Loaded query={billing}>{({ billing_email }) => <BillingEmail email={billing_email ?? null} />}</Loaded>
    </Card>
  );
}

function Data() {
  const file = useMutation({
    mutationFn: async () => {
      downloadBlob("organization.tar.gz", await take(api.GET("/api/v1/export", { parseAs: "blob" })));
    },
    onError: (error) => toast(error.message, "bad"),
  });
  return (
    <Card>
      <CardHead
        title="Data"
        note="Everything that is stored of this organization, as JSON Lines in an archive; keys without their secrets."
        action={
          <Button busy={file.isPending} onClick={() => file.mutate()}>
            {!file.isPending && <Download aria-hidden />} Export
          </Button>
        }
      />
    </Card>
  );
}

function Danger({ purgeAt }: { purgeAt: string | null }) {
  const { organizationName } = useSession();
  const [open, setOpen] = useState(false);
  const keep = useKeepOrganization();
  return (
    <Card className="border-bad">
      <CardHead title="Danger zone" note="For owners. Each of these asks once more." />
      <ul className="divide-y divide-line">
        <li className="flex flex-wrap items-center justify-between gap-3 p-4 sm:px-5">
          <div className="min-w-0">
            <p className="font-medium">Transfer ownership</p>
            <p className="text-sm text-ink-3">Another member becomes owner, and you become admin.</p>
          </div>
          <Button asChild>
            <Link to="/dashboard/settings/members">Choose a member</Link>
          </Button>
        </li>
        <li className="flex flex-wrap items-center justify-between gap-3 p-4 sm:px-5">
          <div className="min-w-0">
            <p className="font-medium">Delete this organization</p>
            <p className="text-sm text-ink-3">
              {purgeAt === null
                ? "Its keys stop at once. Any owner can take it back for a while; then everything is erased."
                : `It is erased on ${formatMoment(purgeAt)}.`}
            </p>
          </div>
          {purgeAt === null ? (
            <Button kind="danger" onClick={() => setOpen(true)}>
              Delete
            </Button>
          ) : (
            <Button busy={keep.isPending} onClick={() => keep.mutate()}>
              Take the deletion back
            </Button>
          )}
        </li>
      </ul>
      {open && <DeleteOrganization name={organizationName} onDone={() => setOpen(false)} />}
    </Card>
  );
}

export function Organization() {
  const { role } = useSession();
  const organization = useQuery(organizationQuery);
  return (
    <Page title="Organization" note="What it is called, where its bills go, its data, and its end.">
      <Loaded query={organization}>
        {({ name, deletion }) => (
          <div className="space-y-6">
            {may(role, "change projects") && deletion == null && <Name key={name} name={name} />}
            {may(role, "change budgets") && <Billing />}
            {may(role, "change projects") && <Data />}
            {may(role, "give away") && <Danger purgeAt={deletion?.purge_at ?? null} />}
          </div>
        )}
      </Loaded>
    </Page>
  );
}
