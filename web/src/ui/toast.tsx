import { CircleAlert, CircleCheck } from "lucide-react";
import { useEffect, useSyncExternalStore } from "react";

interface Note {
  id: number;
  text: string;
  tone: "good" | "bad";
}

let notes: Note[] = [];
let last = 0;
const listeners = new Set<() => void>();

function set(next: Note[]): void {
  notes = next;
  for (const listener of listeners) listener();
}

/** A line at the foot of the page that goes by itself. What must be acted on is said where it happened instead. */
export function toast(text: string, tone: Note["tone"] = "good"): void {
  last += 1;
  set([...notes.slice(-2), { id: last, text, tone }]);
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function Line({ note }: { note: Note }) {
  useEffect(() => {
    const timer = setTimeout(() => set(notes.filter((other) => other.id !== note.id)), 5000);
    return () => clearTimeout(timer);
  }, [note.id]);
  const Icon = note.tone === "good" ? CircleCheck : CircleAlert;
  return (
    <div className="flex animate-rise items-center gap-2.5 rounded-lg border border-line bg-surface px-4 py-3 shadow-float">
      <Icon aria-hidden className={`size-4 shrink-0 ${note.tone === "good" ? "text-good" : "text-bad"}`} />
      <span>{note.text}</span>
    </div>
  );
}

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => notes);
  return (
    <div
      role="status"
      aria-live="polite"
      className="pointer-events-none fixed inset-x-4 bottom-4 z-50 flex flex-col items-center gap-2 sm:items-end"
    >
      {shown.map((note) => (
        <Line key={note.id} note={note} />
      ))}
    </div>
  );
}
