import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { apiKeysQuery, type ApiKey } from "@/api/queries";
import { FormError } from "@/layout/auth";
import { useForm, z, zodResolver } from "@/lib/forms";
import { isShown, ruleCount, rules, RULE_FIELDS, ruleValues } from "@/lib/key-rules";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { TextField } from "@/ui/field";
import { toast } from "@/ui/toast";
import { LIMIT_FIELDS, limits, LimitFields } from "./key-limits";
import { RuleFields } from "./key-rules";

const schema = z.object({
  name: z.string().trim().min(1, "It needs a name.").max(200),
  ...LIMIT_FIELDS,
  ...RULE_FIELDS,
});
type Values = z.infer<typeof schema>;

function valuesOf(key: ApiKey): Values {
  return {
    name: key.name,
    expires_at: key.expires_at?.slice(0, 10) ?? "",
    rpm: key.rpm?.toString() ?? "",
    tpm: key.tpm?.toString() ?? "",
    concurrency: key.concurrency?.toString() ?? "",
    allowed_models: key.allowed_models?.join(", ") ?? "",
    ...ruleValues(key.rules),
  };
}

export function EditKey({ apiKey, onDone }: { apiKey: ApiKey; onDone: () => void }) {
  const client = useQueryClient();
  const form = useForm<Values>({ resolver: zodResolver(schema), defaultValues: valuesOf(apiKey) });
  const { errors } = form.formState;
  const editable = isShown(apiKey.rules);
  const save = useMutation({
    mutationFn: (values: Values) => {
      // What the form cannot show stays as it is.
      const body = { name: values.name, ...limits(values), ...(editable && { rules: rules(values) }) };
      // A moment within the same day would otherwise become its midnight.
      if (body.expires_at === apiKey.expires_at?.slice(0, 10)) body.expires_at = apiKey.expires_at ?? null;
      return take(api.PATCH("/api/v1/api-keys/{id}", { params: { path: { id: apiKey.id } }, body }));
    },
    onSuccess: () => {
      toast("Saved. Gateways follow within a second.");
      void client.invalidateQueries({ queryKey: apiKeysQuery.queryKey });
      onDone();
    },
  });
  return (
    <Dialog open onOpenChange={onDone} title="Edit API key" description={`${apiKey.prefix}…${apiKey.last4}`}>
      <form
        noValidate
        className="space-y-4"
        onSubmit={(event) => void form.handleSubmit((values) => save.mutate(values))(event)}
      >
        <TextField label="Name" autoComplete="off" error={errors.name?.message} {...form.register("name")} />
        <LimitFields open register={form.register} errors={errors} />
        {editable && <RuleFields open={ruleCount(apiKey.rules) > 0} register={form.register} errors={errors} />}
        {save.error && <FormError>{save.error.message}</FormError>}
        <DialogActions>
          <Button onClick={onDone}>Cancel</Button>
          <Button type="submit" kind="primary" busy={save.isPending}>
            Save
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
