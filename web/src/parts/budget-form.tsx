import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { apiKeysQuery, budgetsQuery, projectsQuery, type Budget, type BudgetNew } from "@/api/queries";
import { FormError } from "@/layout/auth";
import { alertsOf, WINDOWS } from "@/lib/budgets";
import { useForm, z, zodResolver } from "@/lib/forms";
import { formatUsdPlain, parseUsd } from "@/lib/money";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { SelectField, TextField } from "@/ui/field";
import { toast } from "@/ui/toast";

/** What a budget can be made on here, and how its value is asked for. */
const SCOPES = [
  { id: "organization", name: "Whole organization" },
  { id: "project", name: "Project" },
  { id: "api_key", name: "API key" },
  { id: "tag", name: "Tag" },
  { id: "model", name: "Model" },
  { id: "provider", name: "Provider" },
] as const;

const schema = z
  .object({
    name: z.string().trim().min(1, "Give it a name.").max(200),
    scope: z.enum(["organization", "project", "api_key", "tag", "model", "provider"]),
    scope_value: z.string().trim(),
    amount_usd: z.string().refine((text) => (parseUsd(text) ?? -1n) >= 0n, "An amount in USD, such as 100 or 0.50."),
    window: z.enum(["hour", "day", "week", "month", "total"]),
    enforcement: z.enum(["hard", "soft"]),
    alerts: z.string().refine((text) => alertsOf(text) !== null, "Up to 10 whole percents, such as 50, 80, 100."),
  })
  .refine(({ scope, scope_value }) => scope === "organization" || scope_value !== "", {
    path: ["scope_value"],
    error: "Say what it is about.",
  });
type Values = z.infer<typeof schema>;

function valuesOf(row: Budget | null): Values {
  const scope = SCOPES.find(({ id }) => id === row?.scope)?.id ?? "organization";
  return {
    name: row?.name ?? "",
    scope,
    scope_value: row?.scope_value ?? "",
    amount_usd: row === null ? "" : formatUsdPlain(row.amount_nano_usd),
    window: row?.window ?? "month",
    enforcement: row?.enforcement ?? "hard",
    alerts: (row?.alerts ?? [50, 80, 100]).join(", "),
  };
}

async function save(row: Budget | null, { scope, scope_value, window, ...rest }: Values): Promise<void> {
  const body = { ...rest, amount_usd: rest.amount_usd.trim(), alerts: alertsOf(rest.alerts) ?? [] };
  if (row === null) {
    const time_zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const made: BudgetNew = { ...body, scope, window, time_zone };
    await take(api.POST("/api/v1/budgets", { body: scope === "organization" ? made : { ...made, scope_value } }));
    return;
  }
  await take(api.PATCH("/api/v1/budgets/{id}", { params: { path: { id: row.id } }, body }));
}

export function BudgetForm({ row, onDone }: { row: Budget | null; onDone: () => void }) {
  const client = useQueryClient();
  const { data: projects } = useQuery(projectsQuery);
  const { data: keys } = useQuery(apiKeysQuery);
  const form = useForm<Values>({ resolver: zodResolver(schema), defaultValues: valuesOf(row) });
  const { errors } = form.formState;
  const saving = useMutation({
    mutationFn: (values: Values) => save(row, values),
    onSuccess: () => {
      toast("Saved. Gateways follow within a second.");
      void client.invalidateQueries({ queryKey: budgetsQuery.queryKey });
      onDone();
    },
  });
  const scope = form.watch("scope");
  const choices = useMemo(() => {
    if (scope === "project") return projects?.map(({ id, name }) => ({ id, name })) ?? [];
    if (scope === "api_key") return keys?.filter((key) => key.status === "active") ?? [];
    return null;
  }, [scope, projects, keys]);
  return (
    <Dialog
      open
      onOpenChange={onDone}
      title={row === null ? "New budget" : `Edit ${row.name}`}
      description={
        row === null ? "It counts calls from now on." : "What it is about and its window stay; make another for those."
      }
    >
      <form
        noValidate
        className="space-y-4"
        onSubmit={(event) => void form.handleSubmit((values) => saving.mutate(values))(event)}
      >
        <TextField
          label="Name"
          placeholder="Production"
          autoComplete="off"
          error={errors.name?.message}
          {...form.register("name")}
        />
        {row === null && (
          <div className="grid gap-4 sm:grid-cols-2">
            <SelectField
              label="What it is about"
              {...form.register("scope", { onChange: () => form.setValue("scope_value", "") })}
            >
              {SCOPES.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </SelectField>
            {choices !== null && (
              <SelectField
                label={scope === "project" ? "Project" : "API key"}
                error={errors.scope_value?.message}
                {...form.register("scope_value")}
              >
                <option value="">Choose…</option>
                {choices.map(({ id, name }) => (
                  <option key={id} value={id}>
                    {name}
                  </option>
                ))}
              </SelectField>
            )}
            {choices === null && scope !== "organization" && (
              <TextField
                label={SCOPES.find(({ id }) => id === scope)?.name ?? ""}
                placeholder={{ tag: "search", model: "gpt-4o", provider: "openai" }[scope as "tag"]}
                autoComplete="off"
                error={errors.scope_value?.message}
                {...form.register("scope_value")}
              />
            )}
          </div>
        )}
        <div className="grid gap-4 sm:grid-cols-2">
          <TextField
            label="Amount (USD)"
            inputMode="decimal"
            placeholder="100"
            autoComplete="off"
            error={errors.amount_usd?.message}
            {...form.register("amount_usd")}
          />
          {row === null && (
            <SelectField label="Resets" {...form.register("window")}>
              {WINDOWS.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </SelectField>
          )}
        </div>
        <SelectField
          label="When it is spent"
          hint="A refused call is answered 402 with the moment when the budget resets."
          {...form.register("enforcement")}
        >
          <option value="hard">Refuse further calls</option>
          <option value="soft">Only alert</option>
        </SelectField>
        <TextField
          label="Alert at (percent)"
          hint="Each sends a budget.threshold event to webhooks, once a window."
          autoComplete="off"
          error={errors.alerts?.message}
          {...form.register("alerts")}
        />
        {saving.error && <FormError>{saving.error.message}</FormError>}
        <DialogActions>
          <Button onClick={onDone}>Cancel</Button>
          <Button type="submit" kind="primary" busy={saving.isPending}>
            Save
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
