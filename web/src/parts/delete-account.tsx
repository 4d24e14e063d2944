import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import { ApiError, take } from "@/api/errors";
import { useSession } from "@/api/session";
import { FormError } from "@/layout/auth";
import { useForm, z, zodResolver } from "@/lib/forms";
import { Button } from "@/ui/button";
import { Card, CardHead } from "@/ui/card";
import { Dialog, DialogActions } from "@/ui/dialog";
import { TextField } from "@/ui/field";

function Ask({ email, onDone }: { email: string; onDone: () => void }) {
  const schema = z.object({
    email: z.string().refine((typed) => typed.trim().toLowerCase() === email, "Type your own address."),
    password: z.string().min(1, "Enter your password."),
  });
  const form = useForm({ resolver: zodResolver(schema), defaultValues: { email: "", password: "" } });
  const { errors } = form.formState;
  const remove = useMutation({
    mutationFn: (body: z.infer<typeof schema>) => take(api.POST("/api/v1/auth/account/delete", { body })),
    // Nothing of what this page holds is there any more.
    onSuccess: () => window.location.assign("/"),
    onError: (error) => {
      if (error instanceof ApiError && error.param === "password")
        form.setError("password", { message: error.message }, { shouldFocus: true });
    },
  });
  return (
    <Dialog
      open
      onOpenChange={onDone}
      title="Delete your account"
      description="It is gone at once, and cannot be brought back. API keys that you made stay with their projects; organizations that nobody else belongs to are deleted, too."
    >
      <form
        noValidate
        className="space-y-4"
        onSubmit={(event) => void form.handleSubmit((body) => remove.mutate(body))(event)}
      >
        <TextField
          label={`Type “${email}” to confirm`}
          autoComplete="off"
          error={errors.email?.message}
          {...form.register("email")}
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
            Delete account
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

export function DeleteAccount() {
  const { user } = useSession();
  const [open, setOpen] = useState(false);
  return (
    <Card>
      <CardHead
        title="Delete your account"
        note="Your sessions and management keys end, and your address is free again."
        action={
          <Button kind="danger" onClick={() => setOpen(true)}>
            Delete
          </Button>
        }
      />
      {open && <Ask email={user.email} onDone={() => setOpen(false)} />}
    </Card>
  );
}
