import type { ApiKey } from "@/api/queries";
import type { CallsSearch } from "@/lib/search";
import { Button } from "@/ui/button";
import { SelectField } from "@/ui/field";
import { TextFilter } from "./text-filter";

const FILTERS = ["model", "provider", "api_key_id", "project_id", "used_mode", "status", "cache"] as const;

export function filtered(search: CallsSearch): boolean {
  return FILTERS.some((filter) => search[filter] !== undefined);
}

const NONE: CallsSearch = Object.fromEntries(FILTERS.map((filter) => [filter, undefined]));

interface Props {
  search: CallsSearch;
  keys: ApiKey[];
  onChange: (change: Partial<CallsSearch>) => void;
}

export function CallFilters({ search, keys, onChange }: Props) {
  const chosen = (value: string) => (value === "" ? undefined : value);
  return (
    <div
      role="search"
      aria-label="Filter calls"
      className="grid grid-cols-2 gap-2 border-b border-line p-3 sm:p-4 md:flex md:flex-wrap md:[&>*]:w-40"
    >
      <TextFilter label="Model" value={search.model ?? ""} onChange={(model) => onChange({ model })} />
      <TextFilter label="Provider" value={search.provider ?? ""} onChange={(provider) => onChange({ provider })} />
      <SelectField
        bare
        label="Status"
        value={search.status ?? ""}
        onChange={(event) => onChange({ status: chosen(event.target.value) as CallsSearch["status"] })}
      >
        <option value="">Any status</option>
        <option value="ok">Succeeded</option>
        <option value="failed">Failed</option>
      </SelectField>
      <SelectField
        bare
        label="API key"
        value={search.api_key_id ?? ""}
        onChange={(event) => onChange({ api_key_id: chosen(event.target.value) })}
      >
        <option value="">Any key</option>
        {keys.map((key) => (
          <option key={key.id} value={key.id}>
            {key.name}
          </option>
        ))}
      </SelectField>
      <SelectField
        bare
        label="Cache"
        value={search.cache ?? ""}
        onChange={(event) => onChange({ cache: chosen(event.target.value) as CallsSearch["cache"] })}
      >
        <option value="">Cached or not</option>
        <option value="hit">From the cache</option>
        <option value="miss">Not from the cache</option>
      </SelectField>
      {filtered(search) && (
        <Button kind="quiet" className="md:w-auto!" onClick={() => onChange(NONE)}>
          Clear filters
        </Button>
      )}
    </div>
  );
}
