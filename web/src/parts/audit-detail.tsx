import type { AuditEvent } from "@/api/people";
import { actionName, fieldChanges } from "@/lib/audit";
import { formatMomentFull } from "@/lib/dates";
import { deviceName } from "@/lib/user-agent";
import { Fact, Facts } from "@/ui/card";
import { Dialog } from "@/ui/dialog";

function Changes({ event }: { event: AuditEvent }) {
  const fields = fieldChanges(event);
  if (fields.length === 0) return <p className="text-ink-3">No fields belong to this line.</p>;
  return (
    <div className="overflow-x-auto rounded-lg border border-line">
      <table className="w-full text-left text-sm">
        <caption className="sr-only">What was and what is then</caption>
        <thead className="border-b border-line text-ink-3">
          <tr>
            {["Field", "Before", "After"].map((name) => (
              <th key={name} scope="col" className="px-3 py-2 font-medium">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {fields.map(({ name, before, after }) => (
            <tr key={name}>
              <th scope="row" className="px-3 py-2 align-top font-medium">
                {name}
              </th>
              <td className="px-3 py-2 align-top font-mono text-xs wrap-anywhere text-ink-2">{before}</td>
              <td className="px-3 py-2 align-top font-mono text-xs wrap-anywhere">{after}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function AuditDetail({ event, actor, onDone }: { event: AuditEvent; actor: string; onDone: () => void }) {
  return (
    <Dialog
      wide
      open
      onOpenChange={onDone}
      title={actionName(event.action)}
      description={`Line ${event.number}, ${formatMomentFull(event.at)}`}
    >
      <div className="-mx-4 mb-4 sm:-mx-5">
        <Facts>
          <Fact name="By">{actor}</Fact>
          <Fact name="Subject" mono>
            {event.subject.id}
          </Fact>
          <Fact name="From">
            {[event.address, event.user_agent == null ? null : deviceName(event.user_agent)]
              .filter((part) => part != null)
              .join(", ") || "–"}
          </Fact>
        </Facts>
      </div>
      <Changes event={event} />
    </Dialog>
  );
}
