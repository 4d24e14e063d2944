import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import { ApiError, take } from "@/api/errors";
import { invitesQuery } from "@/api/people";
import type { Role } from "@/api/queries";
import { FormError } from "@/layout/auth";
import { useForm, z, zodResolver } from "@/lib/forms";
import { rolesFor } from "@/lib/roles";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { TextField } from "@/ui/field";
import { toast } from "@/ui/toast";
import { RoleField } from "./role-field";

const schema = z.object({ email: z.email("Enter a valid e-mail address.") });

export function InviteSomebody({ role: own, onDone }: { role: Role; onDone: () => void }) {
  const client = useQueryClient();
  const [role, setRole] = useState<Role>("developer");
  const form = useForm({ resolver: zodResolver(schema), defaultValues: { email: "" } });
  const error = form.formState.errors.email;
  const invite = useMutation({
    mutationFn: ({ email }: z.infer<typeof schema>) => take(api.POST("/api/v1/invites", { body: { email, role } })),
    onSuccess: ({ email }) => {
      toast(`${email} is invited.`);
      void client.invalidateQueries({ queryKey: invitesQuery.queryKey });
      onDone();
    },
    onError: (refused) => {
      if (refused instanceof ApiError && refused.param === "email")
        form.setError("email", { message: refused.message }, { shouldFocus: true });
    },
  });
  return (
    <Dialog
      open
      onOpenChange={onDone}
      title="Invite somebody"
      description="They get a letter that is good for 7 days. An earlier one to the same address stops working."
    >
      <form
        noValidate
        className="space-y-4"
        onSubmit={(event) => void form.handleSubmit((values) => invite.mutate(values))(event)}
      >
        <TextField
          label="E-mail"
          type="email"
          placeholder="grace@example.com"
          autoComplete="off"
          error={error?.message}
          {...form.register("email")}
        />
        <RoleField value={role} options={rolesFor(own)} onChange={setRole} />
        {invite.error && !error && <FormError>{invite.error.message}</FormError>}
        <DialogActions>
          <Button onClick={onDone}>Cancel</Button>
          <Button type="submit" kind="primary" busy={invite.isPending}>
            Send invitation
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
