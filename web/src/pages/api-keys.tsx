import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Ellipsis, KeyRound } from "lucide-react";
import { useMemo, useState } from "react";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { apiKeysQuery, projectsQuery, type ApiKey } from "@/api/queries";
import { may, useSession } from "@/api/session";
import { formatAgo, formatDay } from "@/lib/dates";
import { ruleCount } from "@/lib/key-rules";
import { formatCount } from "@/lib/numbers";
import { useNow } from "@/lib/use-now";
import { EditKey } from "@/parts/edit-key";
import { NewKeyButton } from "@/parts/new-key";
import { RotateKey } from "@/parts/rotate-key";
import { Badge, type Tone } from "@/ui/badge";
import { IconButton } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/dialog";
import { Menu, MenuItem, MenuLine } from "@/ui/menu";
import { Page } from "@/ui/page";
import { Empty, Loaded } from "@/ui/states";
import { DataTable, type Column } from "@/ui/table";
import { toast } from "@/ui/toast";

const TONES: Record<ApiKey["status"], Tone> = { active: "good", expired: "warn", revoked: "neutral" };
type Act = "edit" | "rotate" | "revoke";

function limitsText(key: ApiKey): string {
  const parts = [
    key.rpm != null && `${formatCount(key.rpm)} RPM`,
    key.tpm != null && `${formatCount(key.tpm)} TPM`,
    key.concurrency != null && `${formatCount(key.concurrency)} at once`,
    key.allowed_models != null &&
      `${key.allowed_models.length} ${key.allowed_models.length === 1 ? "model" : "models"}`,
    ruleCount(key.rules) > 0 && `${ruleCount(key.rules)} ${ruleCount(key.rules) === 1 ? "rule" : "rules"}`,
  ].filter((part) => part !== false);
  return parts.length === 0 ? "None" : parts.join(", ");
}

function Revoke({ apiKey, onDone }: { apiKey: ApiKey; onDone: () => void }) {
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => take(api.DELETE("/api/v1/api-keys/{id}", { params: { path: { id: apiKey.id } } })),
    onSuccess: () => {
      toast(`${apiKey.name} is revoked.`);
      void client.invalidateQueries({ queryKey: apiKeysQuery.queryKey });
      onDone();
    },
  });
  return (
    <Confirm
      open
      onOpenChange={onDone}
      title={`Revoke ${apiKey.name}?`}
      action="Revoke key"
      busy={revoke.isPending}
      error={revoke.error?.message}
      onConfirm={() => revoke.mutate()}
    >
      Programs that use {apiKey.prefix}…{apiKey.last4} are refused within a second. A revoked key never opens again.
    </Confirm>
  );
}

export function ApiKeys() {
  const keys = useQuery(apiKeysQuery);
  const { data: projects } = useQuery(projectsQuery);
  const { role } = useSession();
  const allowed = may(role, "make keys");
  const now = useNow();
  const [act, setAct] = useState<{ act: Act; key: ApiKey } | null>(null);
  const done = () => setAct(null);

  const columns = useMemo(() => {
    const projectNames = new Map(projects?.map((project) => [project.id, project.name]));
    const all: Column<ApiKey>[] = [
      {
        id: "name",
        header: "Name",
        grow: true,
        sortBy: (key) => key.name.toLowerCase(),
        cell: (key) => (
          <div className="min-w-0">
            <span className="block truncate font-medium">{key.name}</span>
            <span className="block truncate font-mono text-xs text-ink-3">
              {key.prefix}…{key.last4}
            </span>
          </div>
        ),
      },
      { id: "project", header: "Project", from: "lg", cell: (key) => projectNames.get(key.project_id) ?? "–" },
      {
        id: "limits",
        header: "Limits",
        from: "lg",
        cell: (key) => <span className="text-ink-2">{limitsText(key)}</span>,
      },
      {
        id: "used",
        header: "Last used",
        from: "md",
        sortBy: (key) => key.last_used_at ?? "",
        cell: (key) => (
          <span className="text-ink-2">{key.last_used_at == null ? "Never" : formatAgo(key.last_used_at, now)}</span>
        ),
      },
      {
        id: "created",
        header: "Created",
        from: "md",
        sortBy: (key) => key.created_at,
        cell: (key) => <span className="text-ink-2">{formatDay(key.created_at)}</span>,
      },
      {
        id: "status",
        header: "Status",
        sortBy: (key) => key.status,
        cell: (key) => (
          <Badge dot tone={TONES[key.status]}>
            {key.status}
          </Badge>
        ),
      },
      {
        id: "acts",
        header: "Actions",
        bare: true,
        right: true,
        cell: (key) => (
          <Menu
            trigger={
              <IconButton label={`Actions for ${key.name}`}>
                <Ellipsis />
              </IconButton>
            }
          >
            <MenuItem asChild>
              <Link to="/dashboard/calls" search={{ api_key_id: key.id }}>
                See calls
              </Link>
            </MenuItem>
            {allowed && key.status !== "revoked" && (
              <>
                <MenuItem onSelect={() => setAct({ act: "edit", key })}>Edit</MenuItem>
                <MenuItem onSelect={() => setAct({ act: "rotate", key })}>Rotate</MenuItem>
                <MenuLine />
                <MenuItem danger onSelect={() => setAct({ act: "revoke", key })}>
                  Revoke
                </MenuItem>
              </>
            )}
          </Menu>
        ),
      },
    ];
    return all;
  }, [projects, now, allowed]);

  return (
    <Page
      title="API keys"
      note="Keys that call models under /v1. Only their beginning and end can be read again."
      actions={allowed && <NewKeyButton />}
    >
      <Card>
        <Loaded query={keys}>
          {(rows) =>
            rows.length === 0 ? (
              <Empty
                icon={KeyRound}
                title="No API keys yet"
                action={allowed && <NewKeyButton label="Make the first key" />}
              >
                {allowed
                  ? "Your programs need one to call models."
                  : "Your role does not include making keys. Ask a developer or admin."}
              </Empty>
            ) : (
              <DataTable label="API keys" columns={columns} rows={rows} rowId={(key) => key.id} />
            )
          }
        </Loaded>
      </Card>
      {act?.act === "edit" && <EditKey apiKey={act.key} onDone={done} />}
      {act?.act === "rotate" && <RotateKey apiKey={act.key} onDone={done} />}
      {act?.act === "revoke" && <Revoke apiKey={act.key} onDone={done} />}
    </Page>
  );
}
