import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { membersQuery, type Member } from "@/api/people";
import { projectsQuery, type Role } from "@/api/queries";
import { FormError } from "@/layout/auth";
import { ROLE_NAMES, rolesFor } from "@/lib/roles";
import { Button } from "@/ui/button";
import { Confirm, Dialog, DialogActions } from "@/ui/dialog";
import { Loaded } from "@/ui/states";
import { toast } from "@/ui/toast";
import { CheckField } from "./check-field";
import { RoleField } from "./role-field";

interface Props {
  member: Member;
  onDone: () => void;
}

export const memberName = ({ name, email }: Member) => (name === "" ? email : name);

function useDone(onDone: () => void) {
  const client = useQueryClient();
  return (text: string) => {
    toast(text);
    void client.invalidateQueries({ queryKey: membersQuery.queryKey });
    onDone();
  };
}

export function ChangeRole({ member, role: own, onDone }: Props & { role: Role }) {
  const done = useDone(onDone);
  const [role, setRole] = useState(member.role);
  const change = useMutation({
    mutationFn: () =>
      take(api.PATCH("/api/v1/members/{id}", { params: { path: { id: member.user_id } }, body: { role } })),
    onSuccess: () => done(`${memberName(member)} is ${ROLE_NAMES[role].toLowerCase()} now.`),
  });
  return (
    <Dialog open onOpenChange={onDone} title={`Role of ${memberName(member)}`} description="It counts from now on.">
      <div className="space-y-4">
        <RoleField value={role} options={rolesFor(own)} onChange={setRole} />
        {change.error && <FormError>{change.error.message}</FormError>}
      </div>
      <DialogActions>
        <Button onClick={onDone}>Cancel</Button>
        <Button kind="primary" disabled={role === member.role} busy={change.isPending} onClick={() => change.mutate()}>
          Change role
        </Button>
      </DialogActions>
    </Dialog>
  );
}

export function LimitProjects({ member, onDone }: Props) {
  const done = useDone(onDone);
  const projects = useQuery(projectsQuery);
  const [chosen, setChosen] = useState<readonly string[] | null>(member.project_ids ?? null);
  const set = useMutation({
    mutationFn: () =>
      take(
        api.PUT("/api/v1/members/{id}/projects", {
          params: { path: { id: member.user_id } },
          body: { project_ids: chosen === null ? null : [...chosen] },
        }),
      ),
    onSuccess: () =>
      done(`${memberName(member)} sees ${chosen === null ? "all projects" : "the chosen projects"} now.`),
  });
  const toggle = (id: string, on: boolean) =>
    setChosen((old) => (on ? [...(old ?? []), id] : (old ?? []).filter((other) => other !== id)));
  return (
    <Dialog
      open
      onOpenChange={onDone}
      title={`Projects of ${memberName(member)}`}
      description="Limited to projects, a member sees these, their API keys, usage and calls only: no credits or provider keys."
    >
      <div className="space-y-4">
        <CheckField
          label="All projects"
          note="Those to come, too."
          checked={chosen === null}
          onChange={(on) => setChosen(on ? null : [])}
        />
        {chosen !== null && (
          <fieldset className="rounded-md border border-line-strong">
            <legend className="sr-only">Projects</legend>
            <Loaded query={projects}>
              {(list) => (
                <div className="max-h-60 space-y-3 overflow-y-auto p-3">
                  {list.map(({ id, name }) => (
                    <CheckField key={id} label={name} checked={chosen.includes(id)} onChange={(on) => toggle(id, on)} />
                  ))}
                </div>
              )}
            </Loaded>
          </fieldset>
        )}
        {chosen?.length === 0 && <p className="text-sm text-warn">Without a project they see none.</p>}
        {set.error && <FormError>{set.error.message}</FormError>}
      </div>
      <DialogActions>
        <Button onClick={onDone}>Cancel</Button>
        <Button kind="primary" busy={set.isPending} onClick={() => set.mutate()}>
          Save
        </Button>
      </DialogActions>
    </Dialog>
  );
}

export function RemoveMember({ member, onDone }: Props) {
  const done = useDone(onDone);
  const [revoke, setRevoke] = useState(true);
  const remove = useMutation({
    mutationFn: () =>
      take(
        api.DELETE("/api/v1/members/{id}", {
          params: { path: { id: member.user_id }, query: { revoke_api_keys: revoke } },
        }),
      ),
    onSuccess: () => done(`${memberName(member)} is removed.`),
  });
  return (
    <Dialog
      open
      onOpenChange={onDone}
      title={`Remove ${memberName(member)}?`}
      description="They see nothing of this organization any more, and their management keys stop."
    >
      <CheckField
        label="Revoke the API keys that they made"
        note="They stop on every gateway within a second. Left out, programs that use them go on."
        checked={revoke}
        onChange={setRevoke}
      />
      {remove.error && (
        <div className="mt-4">
          <FormError>{remove.error.message}</FormError>
        </div>
      )}
      <DialogActions>
        <Button onClick={onDone}>Cancel</Button>
        <Button kind="danger" busy={remove.isPending} onClick={() => remove.mutate()}>
          Remove member
        </Button>
      </DialogActions>
    </Dialog>
  );
}

interface TransferProps extends Props {
  organization: string;
  onGiven: () => void;
}

export function Transfer({ member, organization, onDone, onGiven }: TransferProps) {
  const give = useMutation({
    mutationFn: () => take(api.POST("/api/v1/organization/transfer", { body: { user_id: member.user_id } })),
    onSuccess: () => {
      toast(`${memberName(member)} owns ${organization} now. You are an admin.`);
      onDone();
      onGiven();
    },
  });
  return (
    <Confirm
      open
      onOpenChange={onDone}
      title={`Give ${organization} away?`}
      action="Transfer ownership"
      busy={give.isPending}
      error={give.error?.message}
      onConfirm={() => give.mutate()}
    >
      {memberName(member)} becomes an owner, and you become an admin. Only an owner can undo this.
    </Confirm>
  );
}
