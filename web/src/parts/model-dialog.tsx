import { Link } from "@tanstack/react-router";
import type { Model, ModelProvider } from "@/api/models";
import { CAPABILITY_LABELS } from "@/lib/catalog";
import { formatDay } from "@/lib/dates";
import { formatPerMillion } from "@/lib/money";
import { formatWindow } from "@/lib/numbers";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { CopyButton } from "@/ui/copy";
import { Dialog, DialogActions } from "@/ui/dialog";

function Price({ name, pico }: { name: string; pico: number | null | undefined }) {
  if (pico == null) return null;
  return (
    <div>
      <dt className="text-xs text-ink-3">{name}</dt>
      <dd className="num mt-0.5">{formatPerMillion(pico)}</dd>
    </div>
  );
}

function Provider({ entry }: { entry: ModelProvider }) {
  const id = `${entry.provider}/${entry.model}${entry.region === null ? "" : `:${entry.region}`}`;
  return (
    <li className="px-4 py-3.5">
      <div className="flex items-center justify-between gap-2">
        <code className="min-w-0 truncate font-mono text-sm">{id}</code>
        <span className="flex shrink-0 items-center gap-1">
          {!entry.available && <Badge>No key here</Badge>}
          <CopyButton text={id} label={`Copy ${id}`} />
        </span>
      </div>
      {entry.pricing === null ? (
        <p className="mt-1 text-sm text-ink-3">No known price: credits cannot pay for it.</p>
      ) : (
        <>
          <dl className="mt-2 grid grid-cols-3 gap-3 sm:grid-cols-5">
            <Price name="Input" pico={entry.pricing.input} />
            <Price name="Output" pico={entry.pricing.output} />
            <Price name="Cached input" pico={entry.pricing.cached_input} />
            <Price name="Cache write" pico={entry.pricing.cache_write} />
            <Price name="Reasoning" pico={entry.pricing.reasoning} />
          </dl>
          <p className="mt-2 text-xs text-ink-3">{`Version ${entry.pricing.version}${entry.pricing.effective_from.startsWith("1970") ? "" : `, since ${formatDay(entry.pricing.effective_from)}`}`}</p>
        </>
      )}
    </li>
  );
}

export function ModelDialog({ model, onClose }: { model: Model | null; onClose: () => void }) {
  if (model === null) return null;
  const limits = [
    model.context_window !== null && `${formatWindow(model.context_window)} context`,
    model.max_output_tokens !== null && `${formatWindow(model.max_output_tokens)} output`,
    `${model.input_modalities.join(", ")} in`,
    `${model.output_modalities.join(", ")} out`,
  ].filter((part) => part !== false);
  const abilities = model.capabilities.filter((id) => id in CAPABILITY_LABELS);
  return (
    <Dialog wide open onOpenChange={onClose} title={model.id} description={`${model.owned_by} · ${limits.join(" · ")}`}>
      {abilities.length > 0 && (
        <ul aria-label="Capabilities" className="mb-5 flex flex-wrap gap-1.5">
          {abilities.map((id) => (
            <li key={id}>
              <Badge>{CAPABILITY_LABELS[id]}</Badge>
            </li>
          ))}
        </ul>
      )}
      <h3 className="mb-2 text-sm font-medium text-ink-2">Providers, with prices for a million tokens</h3>
      <div
        tabIndex={0}
        role="region"
        aria-label="Providers"
        className="max-h-80 overflow-y-auto rounded-lg border border-line"
      >
        <ul className="divide-y divide-line">
          {model.providers.map((entry) => (
            <Provider key={`${entry.provider}/${entry.model}:${entry.region ?? ""}`} entry={entry} />
          ))}
        </ul>
      </div>
      {model.aliases.length > 0 && (
        <p className="mt-4 text-sm text-ink-3">
          Also called{" "}
          {model.aliases.map((alias, index) => (
            <span key={alias}>
              {index > 0 && ", "}
              <code className="font-mono">{alias}</code>
            </span>
          ))}
        </p>
      )}
      {model.mode === "chat" && (
        <DialogActions>
          <Button kind="primary" asChild>
            <Link to="/dashboard/playground" search={{ model: model.id }}>
              Try it in the playground
            </Link>
          </Button>
        </DialogActions>
      )}
    </Dialog>
  );
}
