import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Boxes } from "lucide-react";
import { useDeferredValue, useMemo, useState } from "react";
import { bestPrice, modelsQuery, type Model } from "@/api/models";
import { CAPABILITY_LABELS, inputPrice, matching, MODE_LABELS, options, outputPrice } from "@/lib/catalog";
import { formatPerMillion } from "@/lib/money";
import { formatWindow } from "@/lib/numbers";
import type { CatalogSearch } from "@/lib/search";
import { ModelDialog } from "@/parts/model-dialog";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { SelectField, TextField } from "@/ui/field";
import { Page } from "@/ui/page";
import { Empty, Loaded, NoMatch } from "@/ui/states";
import { DataTable, ROW_LINK, type Column } from "@/ui/table";

const STEP = 50;
const SHOWN = ["reasoning", "vision", "tools", "web_search"];

function price(pico: number | undefined) {
  return pico === undefined ? <span className="text-ink-3">–</span> : formatPerMillion(pico);
}

function columnsFor(onOpen: (model: Model) => void): Column<Model>[] {
  return [
    {
      id: "model",
      header: "Model",
      grow: true,
      sortBy: (model) => model.id,
      cell: (model) => (
        <div className="min-w-0">
          <span className="flex min-w-0 items-center gap-2">
            <button
              type="button"
              className={`${ROW_LINK} truncate text-left font-medium`}
              onClick={() => onOpen(model)}
            >
              {model.id}
            </button>
            {model.mode !== "chat" && <Badge>{MODE_LABELS[model.mode] ?? model.mode}</Badge>}
            {model.simulated && <Badge tone="warn">Simulated</Badge>}
          </span>
          <span className="block truncate text-sm text-ink-3">
            {model.providers.length === 1 ? model.providers[0]?.provider : `${model.providers.length} providers`}
          </span>
        </div>
      ),
    },
    {
      id: "can",
      header: "Can",
      from: "lg",
      cell: (model) => (
        <span className="flex gap-1">
          {SHOWN.filter((capability) => model.capabilities.includes(capability)).map((capability) => (
            <Badge key={capability}>{CAPABILITY_LABELS[capability]}</Badge>
          ))}
        </span>
      ),
    },
    {
      id: "context",
      header: "Context",
      right: true,
      from: "md",
      sortBy: (model) => model.context_window ?? 0,
      cell: (model) => (model.context_window == null ? "–" : formatWindow(model.context_window)),
    },
    { id: "input", header: "Input", right: true, sortBy: inputPrice, cell: (model) => price(bestPrice(model)?.input) },
    {
      id: "output",
      header: "Output",
      right: true,
      sortBy: outputPrice,
      cell: (model) => price(bestPrice(model)?.output),
    },
  ];
}

interface FilterProps {
  models: Model[];
  search: CatalogSearch;
  onChange: (change: Partial<CatalogSearch>) => void;
}

function Filters({ models, search, onChange }: FilterProps) {
  const chosen = (value: string) => (value === "" ? undefined : value);
  const modes = useMemo(() => options(models, (model) => [model.mode]), [models]);
  const providers = useMemo(() => options(models, (model) => model.providers.map((entry) => entry.provider)), [models]);
  const abilities = useMemo(
    () => options(models, (model) => model.capabilities).filter((id) => id in CAPABILITY_LABELS),
    [models],
  );
  return (
    <div
      role="search"
      aria-label="Filter models"
      className="grid grid-cols-2 gap-2 border-b border-line p-3 sm:p-4 md:flex md:[&>*]:w-44"
    >
      <TextField
        bare
        type="search"
        label="Search models"
        placeholder="Search models"
        className="col-span-2 md:w-auto! md:flex-1"
        value={search.q ?? ""}
        onChange={(event) => onChange({ q: chosen(event.target.value) })}
      />
      <SelectField
        bare
        label="Kind"
        value={search.mode ?? ""}
        onChange={(event) => onChange({ mode: chosen(event.target.value) })}
      >
        <option value="">Any kind</option>
        {modes.map((mode) => (
          <option key={mode} value={mode}>
            {MODE_LABELS[mode] ?? mode}
          </option>
        ))}
      </SelectField>
      <SelectField
        bare
        label="Provider"
        value={search.provider ?? ""}
        onChange={(event) => onChange({ provider: chosen(event.target.value) })}
      >
        <option value="">Any provider</option>
        {providers.map((provider) => (
          <option key={provider}>{provider}</option>
        ))}
      </SelectField>
      <SelectField
        bare
        label="Capability"
        className="max-md:col-span-2"
        value={search.can ?? ""}
        onChange={(event) => onChange({ can: chosen(event.target.value) })}
      >
        <option value="">Any capability</option>
        {abilities.map((ability) => (
          <option key={ability} value={ability}>
            {CAPABILITY_LABELS[ability]}
          </option>
        ))}
      </SelectField>
    </div>
  );
}

function Catalog({ models, search, onChange }: FilterProps) {
  const [open, setOpen] = useState<Model | null>(null);
  const [shown, setShown] = useState(STEP);
  const deferred = useDeferredValue(search);
  const rows = useMemo(() => matching(models, deferred), [models, deferred]);
  const columns = useMemo(() => columnsFor(setOpen), []);
  if (models.length === 0) {
    return (
      <Empty icon={Boxes} title="No models yet">
        This instance has no provider. Its operator gives it a provider key.
      </Empty>
    );
  }
  const page = rows.slice(0, shown);
  return (
    <>
      <Filters models={models} search={search} onChange={onChange} />
      {rows.length === 0 ? (
        <NoMatch onClear={() => onChange({ q: undefined, mode: undefined, provider: undefined, can: undefined })} />
      ) : (
        <>
          <DataTable open label="Models" columns={columns} rows={page} rowId={(model) => model.id} />
          <div className="num flex flex-wrap items-center justify-between gap-3 border-t border-line px-4 py-3 text-sm text-ink-3 sm:px-5">
            <span role="status">{`${page.length} of ${rows.length} models. Prices are for a million tokens at the cheapest provider.`}</span>
            {rows.length > shown && (
              <Button size="small" onClick={() => setShown(shown + 2 * STEP)}>
                Show more
              </Button>
            )}
          </div>
        </>
      )}
      <ModelDialog model={open} onClose={() => setOpen(null)} />
    </>
  );
}

function ModelsPage({ from }: { from: "/dashboard/models" | "/site/catalog" }) {
  const models = useQuery(modelsQuery);
  const search = useSearch({ from });
  const navigate = useNavigate();
  const onChange = (change: Partial<CatalogSearch>) =>
    void navigate({ to: ".", search: (old: CatalogSearch) => ({ ...old, ...change }), replace: true });
  return (
    <Page
      title="Models"
      note="Everything that this instance can call, with limits and prices. Names work as they are in the model field."
    >
      <Card>
        <Loaded query={models}>{(list) => <Catalog models={list} search={search} onChange={onChange} />}</Loaded>
      </Card>
    </Page>
  );
}

export function Models() {
  return <ModelsPage from="/dashboard/models" />;
}

export function PublicModels() {
  return <ModelsPage from="/site/catalog" />;
}
