import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { CircleCheck } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { modelsQuery } from "@/api/models";
import { authSettingsQuery, creditsQuery } from "@/api/queries";
import { useSession } from "@/api/session";
import { FormError } from "@/layout/auth";
import { useForm, z, zodResolver } from "@/lib/forms";
import { formatUsdExact, parseUsd } from "@/lib/money";
import { formatCount } from "@/lib/numbers";
import { Deletions } from "@/parts/deletions";
import { Outbox } from "@/parts/outbox";
import { People } from "@/parts/people";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card, CardHead, Fact, Facts } from "@/ui/card";
import { TextField } from "@/ui/field";
import { Page } from "@/ui/page";
import { NotPermitted } from "@/ui/states";

const schema = z.object({
  organization_id: z
    .string()
    .trim()
    .regex(/^org_\w+$/, "An organization's id, beginning with org_."),
  amount_usd: z
    .string()
    .trim()
    .refine((text) => (parseUsd(text) ?? 0n) > 0n, "An amount above zero in USD, for example 25.00."),
  reason: z.string().trim().min(1, "Say why, for the ledger.").max(500),
});
type Values = z.infer<typeof schema>;

function Grant() {
  const { organization_id } = useSession();
  const client = useQueryClient();
  // A grant that is sent again after a broken connection must not be made twice.
  const [idempotencyKey, setIdempotencyKey] = useState(() => crypto.randomUUID());
  const blank = { organization_id, amount_usd: "", reason: "" };
  const form = useForm<Values>({ resolver: zodResolver(schema), defaultValues: blank });
  const { errors } = form.formState;
  const grant = useMutation({
    mutationFn: (body: Values) =>
      take(api.POST("/api/v1/credits/grants", { params: { header: { "Idempotency-Key": idempotencyKey } }, body })),
    onSuccess: () => {
      form.reset(blank);
      setIdempotencyKey(crypto.randomUUID());
      void client.invalidateQueries({ queryKey: creditsQuery.queryKey });
    },
  });
  return (
    <Card>
      <CardHead title="Grant credits" note="Booked in the ledger at once. A grant cannot be taken back." />
      <form
        noValidate
        className="space-y-4 p-4 sm:p-5"
        onSubmit={(event) => void form.handleSubmit((values) => grant.mutate(values))(event)}
        onChange={() => {
          // Another grant than the one that failed is another grant.
          if (grant.isError) setIdempotencyKey(crypto.randomUUID());
        }}
      >
        <TextField
          mono
          label="Organization"
          hint="Your own, unless you put another one here."
          error={errors.organization_id?.message}
          {...form.register("organization_id")}
        />
        <div className="grid gap-4 sm:grid-cols-2">
          <TextField
            label="Amount in USD"
            inputMode="decimal"
            placeholder="25.00"
            autoComplete="off"
            error={errors.amount_usd?.message}
            {...form.register("amount_usd")}
          />
          <TextField
            label="Reason"
            placeholder="pilot"
            autoComplete="off"
            error={errors.reason?.message}
            {...form.register("reason")}
          />
        </div>
        {grant.error && <FormError>{grant.error.message}</FormError>}
        {grant.data && (
          <p role="status" className="num flex items-start gap-2 text-good">
            <CircleCheck aria-hidden className="mt-0.5 size-4 shrink-0" />
            {`${formatUsdExact(grant.data.amount_nano_usd)} granted. ${formatUsdExact(grant.data.balance.credits_nano_usd)} are free now.`}
          </p>
        )}
        <Button type="submit" kind="primary" busy={grant.isPending}>
          Grant credits
        </Button>
      </form>
    </Card>
  );
}

const SIGN_UP = {
  open: { name: "Open", note: "Anybody can make an account." },
  invite: { name: "By invitation", note: "Only addresses that were invited." },
  domain: { name: "By domain", note: "Only addresses of the configured domains." },
  closed: { name: "Closed", note: "Nobody can make an account." },
};

function Instance() {
  const { data: settings } = useQuery(authSettingsQuery);
  const { data: models } = useQuery(modelsQuery);
  const providers = new Set(
    models?.flatMap((model) => model.providers.filter((entry) => entry.available).map((entry) => entry.provider)),
  );
  return (
    <Card>
      <CardHead title="Instance" />
      <Facts>
        <Fact name="Version">{settings?.version ?? "–"}</Fact>
        <Fact name="Address" mono>
          {location.origin}
        </Fact>
        <Fact name="Sign-up">
          {settings ? (
            <span title={SIGN_UP[settings.signup].note}>
              <Badge tone={settings.signup === "open" ? "warn" : "neutral"}>{SIGN_UP[settings.signup].name}</Badge>
            </span>
          ) : (
            "–"
          )}
        </Fact>
        <Fact name="Models that can be called">{models ? formatCount(models.length) : "–"}</Fact>
        <Fact name="Providers with a key">{models ? [...providers].sort().join(", ") || "None" : "–"}</Fact>
      </Facts>
    </Card>
  );
}

export function Operator() {
  const { user } = useSession();
  return (
    <Page narrow title="Operator" note={user.is_operator ? "What only those who run this instance can do." : undefined}>
      {user.is_operator ? (
        <div className="space-y-6">
          <Instance />
          <Grant />
          <People self={user.id} />
          <Deletions />
          <Outbox />
        </div>
      ) : (
        <Card>
          <NotPermitted>This page is for those who run this instance.</NotPermitted>
        </Card>
      )}
    </Page>
  );
}
