import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { apiKeysQuery, type ApiKey } from "@/api/queries";
import { FormError } from "@/layout/auth";
import { keepKey } from "@/lib/key-in-hand";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { SelectField } from "@/ui/field";
import { KeyOnce } from "./key-once";

const GRACE = [
  { seconds: 0, name: "Not at all: it is revoked at once" },
  { seconds: 3600, name: "1 hour" },
  { seconds: 86_400, name: "1 day" },
  { seconds: 604_800, name: "7 days" },
];

export function RotateKey({ apiKey, onDone }: { apiKey: ApiKey; onDone: () => void }) {
  const client = useQueryClient();
  const [grace, setGrace] = useState(86_400);
  const rotate = useMutation({
    mutationFn: () =>
      take(
        api.POST("/api/v1/api-keys/{id}/rotate", {
          params: { path: { id: apiKey.id } },
          body: { grace_seconds: grace },
        }),
      ),
    onSuccess: ({ key }) => {
      if (key != null) keepKey(key);
      void client.invalidateQueries({ queryKey: apiKeysQuery.queryKey });
    },
  });
  const made = rotate.data?.key ?? null;
  if (made !== null) {
    return (
      <Dialog open sticky onOpenChange={onDone} title={`The new key of ${apiKey.name}`}>
        <KeyOnce apiKey={made} />
        <DialogActions>
          <Button onClick={onDone}>Done</Button>
        </DialogActions>
      </Dialog>
    );
  }
  return (
    <Dialog
      open
      onOpenChange={onDone}
      title={`Rotate ${apiKey.name}`}
      description="A new key with the same settings takes its place."
    >
      <SelectField
        label="How long the old key still opens"
        value={grace}
        onChange={(event) => setGrace(Number(event.target.value))}
      >
        {GRACE.map(({ seconds, name }) => (
          <option key={seconds} value={seconds}>
            {name}
          </option>
        ))}
      </SelectField>
      {rotate.error && (
        <div className="mt-4">
          <FormError>{rotate.error.message}</FormError>
        </div>
      )}
      <DialogActions>
        <Button onClick={onDone}>Cancel</Button>
        <Button kind="primary" busy={rotate.isPending} onClick={() => rotate.mutate()}>
          Rotate key
        </Button>
      </DialogActions>
    </Dialog>
  );
}
