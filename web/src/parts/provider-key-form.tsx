import { useMutation, useQueryClient } from "@tanstack/react-query";
import { CircleAlert, CircleCheck } from "lucide-react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { providerKeysQuery, type ProviderKey, type ProviderKeyTest } from "@/api/queries";
import { FormError } from "@/layout/auth";
import { useForm, z, zodResolver } from "@/lib/forms";
import { maskedKey, providerName, PROVIDERS } from "@/lib/providers";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { SelectField, TextField } from "@/ui/field";
import { toast } from "@/ui/toast";

const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,4}$/, "A whole number.")
    .refine((text) => Number(text) >= min && Number(text) <= max, `${min} to ${max}.`);

const schema = z.object({
  provider: z.string().min(1, "Choose a provider."),
  name: z.string().trim().min(1, "Give it a name.").max(200),
  key: z.string().trim(),
  base_url: z.union([
    z.literal(""),
    z.url({ protocol: /^https?$/, error: "A full address, beginning with https://." }),
  ]),
  priority: whole(0, 1000),
  weight: whole(1, 1000),
});
type Values = z.infer<typeof schema>;

const newSchema = schema.refine(({ key }) => key !== "", { path: ["key"], error: "Paste the provider's key." });

/** A stored key is only ever sent to the address that it was stored for. */
const changeSchema = (row: ProviderKey) =>
  schema.refine(({ key, base_url }) => key !== "" || base_url === (row.base_url ?? ""), {
    path: ["key"],
    error: "Another address needs the key again.",
  });

function valuesOf(row: ProviderKey | null): Values {
  return {
    provider: row?.provider ?? "openai",
    name: row?.name ?? "",
    key: "",
    base_url: row?.base_url ?? "",
    priority: (row?.priority ?? 0).toString(),
    weight: (row?.weight ?? 1).toString(),
  };
}

function body({ key, base_url, priority, weight, ...rest }: Values) {
  return {
    ...rest,
    key,
    base_url: base_url === "" ? null : base_url,
    priority: Number(priority),
    weight: Number(weight),
  };
}

async function save(row: ProviderKey | null, values: Values): Promise<void> {
  const { provider, key, base_url, ...rest } = body(values);
  if (row === null) {
    await take(api.POST("/api/v1/provider-keys", { body: { provider, key, base_url, ...rest } }));
    return;
  }
  const params = { path: { id: row.id } };
  await take(api.PATCH("/api/v1/provider-keys/{id}", { params, body: key === "" ? rest : { ...rest, key, base_url } }));
}

function Verdict({ test: { verdict, detail } }: { test: ProviderKeyTest }) {
  const works = verdict === "works";
  const Icon = works ? CircleCheck : CircleAlert;
  return (
    <p
      role="status"
      className={`flex items-start gap-2 ${works ? "text-good" : verdict === "unsure" ? "text-warn" : "text-bad"}`}
    >
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0" /> {detail}
    </p>
  );
}

export function ProviderKeyForm({ row, onDone }: { row: ProviderKey | null; onDone: () => void }) {
  const client = useQueryClient();
  const form = useForm<Values>({
    resolver: zodResolver(row === null ? newSchema : changeSchema(row)),
    defaultValues: valuesOf(row),
  });
  const { errors } = form.formState;
  const saving = useMutation({
    mutationFn: (values: Values) => save(row, values),
    onSuccess: () => {
      toast("Saved. Gateways follow within a second.");
      void client.invalidateQueries({ queryKey: providerKeysQuery.queryKey });
      onDone();
    },
  });
  const testing = useMutation({
    mutationFn: (values: Values) => {
      const { provider, key, base_url } = body(values);
      return take(api.POST("/api/v1/provider-keys/test", { body: { provider, key, base_url } }));
    },
  });
  const test = () => void form.handleSubmit((values) => testing.mutate(values))();
  const error = saving.error ?? testing.error;
  return (
    <Dialog
      open
      onOpenChange={onDone}
      title={row === null ? "Add provider key" : `Edit ${row.name}`}
      description={
        row === null
          ? "It is sealed when it arrives and can never be read again."
          : `${providerName(row.provider)}, ${maskedKey(row)}`
      }
    >
      <form
        noValidate
        className="space-y-4"
        onSubmit={(event) => void form.handleSubmit((values) => saving.mutate(values))(event)}
      >
        {row === null && (
          <SelectField label="Provider" error={errors.provider?.message} {...form.register("provider")}>
            {PROVIDERS.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </SelectField>
        )}
        <TextField
          label="Name"
          placeholder="production account"
          autoComplete="off"
          error={errors.name?.message}
          {...form.register("name")}
        />
        <TextField
          mono
          type="password"
          label={row === null ? "Key" : "New key"}
          placeholder={row === null ? undefined : "Leave blank to keep the present one"}
          autoComplete="off"
          error={errors.key?.message}
          {...form.register("key")}
        />
        <TextField
          label="Base URL"
          type="url"
          placeholder="The provider's own"
          hint="For proxies, regions and compatible servers."
          autoComplete="off"
          error={errors.base_url?.message}
          {...form.register("base_url")}
        />
        <div className="grid grid-cols-2 gap-4">
          <TextField
            label="Priority"
            inputMode="numeric"
            hint="Lowest is used first."
            error={errors.priority?.message}
            {...form.register("priority")}
          />
          <TextField
            label="Weight"
            inputMode="numeric"
            hint="Share among equals."
            error={errors.weight?.message}
            {...form.register("weight")}
          />
        </div>
        {error && <FormError>{error.message}</FormError>}
        {testing.data && !error && <Verdict test={testing.data} />}
        <DialogActions>
          {row === null && (
            <Button className="sm:mr-auto" busy={testing.isPending} onClick={test}>
              Test key
            </Button>
          )}
          <Button onClick={onDone}>Cancel</Button>
          <Button type="submit" kind="primary" busy={saving.isPending}>
            Save
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
