import { CalendarDays } from "lucide-react";
import { Popover } from "radix-ui";
import { useState } from "react";
import { dayRange, PRESET_NAMES, presetRange, PRESETS, type Preset, type Range } from "@/lib/dates";
import type { RangeSearch } from "@/lib/search";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { Segments } from "@/ui/segments";

const SHORT: Record<Preset, string> = { "24h": "24h", "7d": "7d", "30d": "30d", "90d": "90d" };

export function rangeOf(search: RangeSearch, now: number, fallback: Preset): Range {
  const days = search.from !== undefined && search.to !== undefined ? dayRange(search.from, search.to) : null;
  return days ?? presetRange(search.range ?? fallback, now);
}

export function rangeText(search: RangeSearch, fallback: Preset): string {
  return search.from === undefined || search.to === undefined
    ? `Last ${PRESET_NAMES[search.range ?? fallback]}`
    : `${search.from} to ${search.to}`;
}

interface Props {
  search: RangeSearch;
  fallback: Preset;
  onChange: (search: RangeSearch) => void;
}

export function RangePicker({ search, fallback, onChange }: Props) {
  const custom = search.from !== undefined && search.to !== undefined;
  const [open, setOpen] = useState(false);
  const [from, setFrom] = useState(search.from ?? "");
  const [to, setTo] = useState(search.to ?? "");
  const valid = dayRange(from, to) !== null;
  return (
    <div className="flex items-center gap-2">
      <Segments
        label="Time range"
        value={custom ? null : (search.range ?? fallback)}
        options={PRESETS}
        names={SHORT}
        onChange={(range) => onChange({ range, from: undefined, to: undefined })}
      />
      <Popover.Root open={open} onOpenChange={setOpen}>
        <Popover.Trigger asChild>
          <button
            type="button"
            aria-label={custom ? `Own range: ${search.from} to ${search.to}` : "Own range"}
            className={`inline-flex h-9 items-center gap-2 rounded-md border px-2.5 text-sm transition-colors hover:bg-sunken pointer-coarse:h-10 ${custom ? "border-accent text-accent" : "border-line-strong text-ink-2"}`}
          >
            <CalendarDays aria-hidden className="size-4" />
            {custom && <span className="num hidden sm:inline">{`${search.from} – ${search.to}`}</span>}
          </button>
        </Popover.Trigger>
        <Popover.Portal>
          <Popover.Content
            align="end"
            sideOffset={6}
            collisionPadding={8}
            className="z-50 w-72 animate-appear rounded-lg border border-line bg-surface p-4 shadow-float"
          >
            <form
              className="space-y-4"
              onSubmit={(event) => {
                event.preventDefault();
                if (!valid) return;
                onChange({ range: undefined, from, to });
                setOpen(false);
              }}
            >
              <div className="grid grid-cols-2 gap-3">
                <TextField
                  label="First day"
                  type="date"
                  value={from}
                  onChange={(event) => setFrom(event.target.value)}
                />
                <TextField label="Last day" type="date" value={to} onChange={(event) => setTo(event.target.value)} />
              </div>
              <p className="text-sm text-ink-3">Days are in UTC.</p>
              <Button type="submit" kind="primary" className="w-full" disabled={!valid}>
                Apply
              </Button>
            </form>
          </Popover.Content>
        </Popover.Portal>
      </Popover.Root>
    </div>
  );
}
