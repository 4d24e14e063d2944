import { useMutation } from "@tanstack/react-query";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { FormError } from "@/layout/auth";
import { useForm, z, zodResolver } from "@/lib/forms";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { TextField } from "@/ui/field";
import { toast } from "@/ui/toast";
import { useSwitch } from "./use-switch";

const schema = z.object({ name: z.string().trim().min(1, "It needs a name.").max(200) });

export function NewOrganization({ onDone }: { onDone: () => void }) {
  const switchTo = useSwitch();
  const form = useForm({ resolver: zodResolver(schema), defaultValues: { name: "" } });
  const make = useMutation({
    mutationFn: (body: z.infer<typeof schema>) => take(api.POST("/api/v1/organizations", { body })),
    onSuccess: async ({ id, name }) => {
      onDone();
      toast(`${name} is there. You are its owner.`);
      await switchTo(id);
    },
  });
  return (
    <Dialog
      open
      onOpenChange={onDone}
      title="New organization"
      description="It has its own projects, keys, members and credits. You will be its owner."
    >
      <form
        noValidate
        className="space-y-4"
        onSubmit={(event) => void form.handleSubmit((body) => make.mutate(body))(event)}
      >
        <TextField
          label="Name"
          placeholder="Analytical Engines"
          autoComplete="organization"
          error={form.formState.errors.name?.message}
          {...form.register("name")}
        />
        {make.error && <FormError>{make.error.message}</FormError>}
        <DialogActions>
          <Button onClick={onDone}>Cancel</Button>
          <Button type="submit" kind="primary" busy={make.isPending}>
            Create organization
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
