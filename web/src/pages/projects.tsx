import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { FolderCog } from "lucide-react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { projectsQuery, type Project } from "@/api/queries";
import { may, useSession } from "@/api/session";
import { FormError } from "@/layout/auth";
import { useForm, z, zodResolver } from "@/lib/forms";
import { Button } from "@/ui/button";
import { Card, CardHead } from "@/ui/card";
import { CopyButton } from "@/ui/copy";
import { SelectField, TextField } from "@/ui/field";
import { Page } from "@/ui/page";
import { Bone, Empty, Loaded } from "@/ui/states";
import { toast } from "@/ui/toast";

const MODES: { id: Project["mode"]; name: string; note: string }[] = [
  {
    id: "credits",
    name: "Credits",
    note: "The instance's provider accounts are used, and calls are charged to credits.",
  },
  {
    id: "api-keys",
    name: "Own provider keys",
    note: "Only your provider keys are used. A call to a provider without one is refused.",
  },
  { id: "hybrid", name: "Hybrid", note: "Your provider key first; credits when there is none or it fails." },
];

const schema = z.object({
  name: z.string().trim().min(1, "It needs a name.").max(200),
  mode: z.enum(["credits", "api-keys", "hybrid"]),
  cache_enabled: z.boolean(),
  cache_ttl_seconds: z
    .string()
    .regex(/^\d{1,8}$/, "A whole number of seconds.")
    .refine((text) => Number(text) >= 10 && Number(text) <= 31_536_000, "10 seconds to 1 year."),
});
type Values = z.infer<typeof schema>;

function ProjectForm({ project, allowed }: { project: Project; allowed: boolean }) {
  const client = useQueryClient();
  const form = useForm<Values>({
    resolver: zodResolver(schema),
    values: { ...project, cache_ttl_seconds: project.cache_ttl_seconds.toString() },
  });
  const { errors, isDirty } = form.formState;
  const save = useMutation({
    mutationFn: (values: Values) =>
      take(
        api.PATCH("/api/v1/projects/{id}", {
          params: { path: { id: project.id } },
          body: { ...values, cache_ttl_seconds: Number(values.cache_ttl_seconds) },
        }),
      ),
    onSuccess: (saved) => {
      toast("Saved. Gateways follow within a second.");
      client.setQueryData(projectsQuery.queryKey, (all) =>
        all?.map((entry) => (entry.id === saved.id ? saved : entry)),
      );
    },
  });
  const mode = form.watch("mode");
  const cache = form.watch("cache_enabled");
  return (
    <Card>
      <CardHead
        title={project.name}
        note={
          <span className="flex items-center gap-1">
            <code className="font-mono text-xs wrap-anywhere">{project.id}</code>
            <CopyButton text={project.id} label="Copy project id" />
          </span>
        }
      />
      <form noValidate onSubmit={(event) => void form.handleSubmit((values) => save.mutate(values))(event)}>
        <fieldset disabled={!allowed} className="grid gap-5 p-4 sm:grid-cols-2 sm:p-5">
          <TextField label="Name" autoComplete="off" error={errors.name?.message} {...form.register("name")} />
          <SelectField label="Mode" hint={MODES.find((entry) => entry.id === mode)?.note} {...form.register("mode")}>
            {MODES.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </SelectField>
          <div className="flex items-start gap-3 sm:pt-7">
            <input
              id={`cache-${project.id}`}
              type="checkbox"
              className="mt-0.5 size-4 accent-(--accent-fill)"
              {...form.register("cache_enabled")}
            />
            <label htmlFor={`cache-${project.id}`}>
              <span className="font-medium">Cache answers</span>
              <span className="mt-0.5 block text-sm text-ink-3">Identical calls are answered again for free.</span>
            </label>
          </div>
          <TextField
            label="Keep answers for (seconds)"
            inputMode="numeric"
            disabled={!cache}
            error={errors.cache_ttl_seconds?.message}
            {...form.register("cache_ttl_seconds", { disabled: false })}
          />
          {save.error && (
            <div className="sm:col-span-2">
              <FormError>{save.error.message}</FormError>
            </div>
          )}
        </fieldset>
        <div className="flex items-center justify-between gap-3 border-t border-line px-4 py-3 sm:px-5">
          <p className="text-sm text-ink-3">{allowed ? "" : "Owners and admins can change projects."}</p>
          <div className="flex gap-2">
            {isDirty && (
              <Button kind="quiet" onClick={() => form.reset()}>
                Discard
              </Button>
            )}
            <Button type="submit" kind="primary" disabled={!allowed || !isDirty} busy={save.isPending}>
              Save
            </Button>
          </div>
        </div>
      </form>
    </Card>
  );
}

export function Projects() {
  const projects = useQuery(projectsQuery);
  const allowed = may(useSession().role, "change projects");
  return (
    <Page
      narrow
      title="Projects"
      note="A project holds API keys, and says who pays for their calls and whether answers are cached."
    >
      <Loaded query={projects} loading={<Bone className="h-72" />}>
        {(rows) =>
          rows.length === 0 ? (
            <Card>
              <Empty icon={FolderCog} title="No projects">
                Every organization starts with one. Ask the operator of this instance.
              </Empty>
            </Card>
          ) : (
            <div className="space-y-6">
              {rows.map((project) => (
                <ProjectForm key={project.id} project={project} allowed={allowed} />
              ))}
            </div>
          )
        }
      </Loaded>
    </Page>
  );
}
