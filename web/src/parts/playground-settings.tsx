import { ChevronRight, KeyRound } from "lucide-react";
import { useState } from "react";
import type { Model } from "@/api/models";
import { may, useSession } from "@/api/session";
import { keepKey, useKeyInHand } from "@/lib/key-in-hand";
import { Button } from "@/ui/button";
import { SelectField, TextArea, TextField } from "@/ui/field";
import { NewKeyButton } from "./new-key";

export interface Settings {
  model: string;
  system: string;
  temperature: string;
  maxTokens: string;
}

function KeyPanel() {
  const key = useKeyInHand();
  const { role } = useSession();
  const [typed, setTyped] = useState("");
  if (key !== null) {
    return (
      <div className="flex items-center justify-between gap-2 rounded-md border border-line bg-surface px-3 py-2">
        <span className="flex min-w-0 items-center gap-2">
          <KeyRound aria-hidden className="size-4 shrink-0 text-good" />
          <code className="truncate font-mono text-sm">{`${key.slice(0, 9)}…${key.slice(-4)}`}</code>
        </span>
        <Button size="small" kind="quiet" onClick={() => keepKey(null)}>
          Change
        </Button>
      </div>
    );
  }
  return (
    <form
      className="space-y-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (typed.trim() !== "") keepKey(typed.trim());
        setTyped("");
      }}
    >
      <div className="flex items-end gap-2">
        <TextField
          label="API key"
          type="password"
          autoComplete="off"
          placeholder="llmg_…"
          className="flex-1"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        <Button type="submit" disabled={typed.trim() === ""}>
          Use
        </Button>
      </div>
      <p className="text-sm text-ink-3">Kept in this page's memory only, until it is closed.</p>
      {may(role, "make keys") && <NewKeyButton kind="plain" label="Make a key" />}
    </form>
  );
}

interface Props {
  models: Model[];
  model: string;
  settings: Settings;
  onChange: (settings: Settings) => void;
}

export function PlaygroundSettings({ models, model, settings, onChange }: Props) {
  const chat = models.filter((entry) => entry.mode === "chat");
  const [more, setMore] = useState(false);
  const set = (change: Partial<Settings>) => onChange({ ...settings, ...change });
  return (
    <aside
      aria-label="Settings"
      className="shrink-0 space-y-5 border-line bg-side p-4 max-lg:order-1 max-lg:border-b sm:px-8 lg:w-80 lg:overflow-y-auto lg:border-l lg:p-6 lg:pt-8"
    >
      <KeyPanel />
      <SelectField label="Model" value={model} onChange={(event) => set({ model: event.target.value })}>
        {chat.every((entry) => entry.id !== model) && <option>{model}</option>}
        {chat.map((entry) => (
          <option key={entry.id}>{entry.id}</option>
        ))}
      </SelectField>
      <Button
        kind="quiet"
        size="small"
        className="-ml-2.5 lg:hidden"
        aria-expanded={more}
        aria-controls="more-settings"
        onClick={() => setMore(!more)}
      >
        <ChevronRight aria-hidden className={more ? "rotate-90" : ""} /> More settings
      </Button>
      <div id="more-settings" className={more ? "space-y-5" : "space-y-5 max-lg:hidden"}>
        <TextArea
          label="System prompt"
          rows={5}
          placeholder="None"
          value={settings.system}
          onChange={(event) => set({ system: event.target.value })}
        />
        <div className="grid grid-cols-2 gap-3">
          <TextField
            label="Temperature"
            type="number"
            min={0}
            max={2}
            step={0.1}
            placeholder="Default"
            value={settings.temperature}
            onChange={(event) => set({ temperature: event.target.value })}
          />
          <TextField
            label="Max tokens"
            type="number"
            min={1}
            placeholder="Default"
            value={settings.maxTokens}
            onChange={(event) => set({ maxTokens: event.target.value })}
          />
        </div>
      </div>
    </aside>
  );
}
