import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { apiKeysQuery, projectsQuery } from "@/api/queries";
import { FormError } from "@/layout/auth";
import { useForm, z, zodResolver } from "@/lib/forms";
import { keepKey } from "@/lib/key-in-hand";
import { NO_RULES, rules, RULE_FIELDS } from "@/lib/key-rules";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { SelectField, TextField } from "@/ui/field";
import { KeyOnce } from "./key-once";
import { LIMIT_FIELDS, limits, LimitFields } from "./key-limits";
import { RuleFields } from "./key-rules";

const schema = z.object({
  name: z.string().trim().min(1, "Give it a name that says where it is used.").max(200),
  project_id: z.string(),
  ...LIMIT_FIELDS,
  ...RULE_FIELDS,
});
export type NewKeyValues = z.infer<typeof schema>;

const BLANK: NewKeyValues = {
  name: "",
  project_id: "",
  expires_at: "",
  rpm: "",
  tpm: "",
  concurrency: "",
  allowed_models: "",
  ...NO_RULES,
};

function Form({ onMade, onCancel }: { onMade: (key: string) => void; onCancel: () => void }) {
  const client = useQueryClient();
  const { data: projects = [] } = useQuery(projectsQuery);
  const form = useForm<NewKeyValues>({ resolver: zodResolver(schema), defaultValues: BLANK });
  const { errors } = form.formState;
  const make = useMutation({
    mutationFn: (values: NewKeyValues) =>
      take(
        api.POST("/api/v1/api-keys", {
          body: {
            name: values.name,
            project_id: values.project_id === "" ? null : values.project_id,
            ...limits(values),
            rules: rules(values),
          },
        }),
      ),
    onSuccess: (made) => {
      void client.invalidateQueries({ queryKey: apiKeysQuery.queryKey });
      if (made.key != null) onMade(made.key);
    },
  });
  return (
    <form
      noValidate
      className="space-y-4"
      onSubmit={(event) => void form.handleSubmit((values) => make.mutate(values))(event)}
    >
      <TextField
        label="Name"
        placeholder="production"
        autoComplete="off"
        error={errors.name?.message}
        {...form.register("name")}
      />
      {projects.length > 1 && (
        <SelectField label="Project" {...form.register("project_id")}>
          {projects.map((project, index) => (
            <option key={project.id} value={index === 0 ? "" : project.id}>
              {project.name}
            </option>
          ))}
        </SelectField>
      )}
      <LimitFields register={form.register} errors={errors} />
      <RuleFields register={form.register} errors={errors} />
      {make.error && <FormError>{make.error.message}</FormError>}
      <DialogActions>
        <Button onClick={onCancel}>Cancel</Button>
        <Button type="submit" kind="primary" busy={make.isPending}>
          Make key
        </Button>
      </DialogActions>
    </form>
  );
}

interface Props {
  kind?: "primary" | "plain";
  label?: string;
}

/** Makes a key, shows it once, and keeps it at hand for the snippets and the playground until the page is closed. */
export function NewKeyButton({ kind = "primary", label = "New API key" }: Props) {
  const [open, setOpen] = useState(false);
  const [made, setMade] = useState<string | null>(null);
  const close = () => {
    setOpen(false);
    setMade(null);
  };
  return (
    <>
      <Button kind={kind} onClick={() => setOpen(true)}>
        <Plus aria-hidden /> {label}
      </Button>
      <Dialog
        open={open}
        onOpenChange={(next) => (next ? setOpen(true) : close())}
        sticky={made !== null}
        title={made === null ? "New API key" : "Your new API key"}
        description={made === null ? "It calls models under /v1 for your organization." : undefined}
      >
        {made === null ? (
          <Form
            onCancel={close}
            onMade={(key) => {
              setMade(key);
              keepKey(key);
            }}
          />
        ) : (
          <>
            <KeyOnce apiKey={made} />
            <DialogActions>
              <Button onClick={close}>Done</Button>
            </DialogActions>
          </>
        )}
      </Dialog>
    </>
  );
}
