import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api } from "@/api/client";
import { ApiError, take } from "@/api/errors";
import { FormError } from "@/layout/auth";
import { useForm, z, zodResolver } from "@/lib/forms";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { TextField } from "@/ui/field";
import { toast } from "@/ui/toast";

export function DeleteOrganization({ name, onDone }: { name: string; onDone: () => void }) {
  const client = useQueryClient();
  const schema = z.object({
    name: z.string().refine((typed) => typed.trim() === name, "Type the name, letter by letter."),
    password: z.string().min(1, "Enter your password."),
  });
  const form = useForm({ resolver: zodResolver(schema), defaultValues: { name: "", password: "" } });
  const { errors } = form.formState;
  const remove = useMutation({
    mutationFn: (body: z.infer<typeof schema>) => take(api.POST("/api/v1/organization/deletion", { body })),
    onSuccess: async () => {
      onDone();
      toast(`${name} is being deleted. Its keys have stopped.`);
      await client.invalidateQueries();
    },
    onError: (error) => {
      if (error instanceof ApiError && error.param === "password")
        form.setError("password", { message: error.message }, { shouldFocus: true });
    },
  });
  return (
    <Dialog
      open
      onOpenChange={onDone}
      title={`Delete ${name}`}
      description="All of its keys stop at once, and only owners still see it. When the time of grace is over, projects, keys, members, calls and the audit log are erased, what is left of its credits is forfeited, and accounts that belong to no other organization go with it."
    >
      <form
        noValidate
        className="space-y-4"
        onSubmit={(event) => void form.handleSubmit((body) => remove.mutate(body))(event)}
      >
        <TextField
          label={`Type “${name}” to confirm`}
          autoComplete="off"
          error={errors.name?.message}
          {...form.register("name")}
        />
        <TextField
          label="Your password"
          type="password"
          autoComplete="current-password"
          error={errors.password?.message}
          {...form.register("password")}
        />
        {remove.error && errors.password === undefined && <FormError>{remove.error.message}</FormError>}
        <DialogActions>
          <Button onClick={onDone}>Cancel</Button>
          <Button type="submit" kind="danger" busy={remove.isPending}>
            Delete organization
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
