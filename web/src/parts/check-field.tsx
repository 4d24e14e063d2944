import { useId, type ReactNode } from "react";

interface Props {
  label: string;
  note?: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
}

export function CheckField({ label, note, checked, onChange }: Props) {
  const id = useId();
  return (
    <div className="flex items-start gap-3">
      <input
        id={id}
        type="checkbox"
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
        className="mt-0.5 size-4 shrink-0 accent-(--accent-fill)"
      />
      <label htmlFor={id} className="min-w-0">
        <span className="font-medium wrap-anywhere">{label}</span>
        {note !== undefined && <span className="mt-0.5 block text-sm text-ink-3">{note}</span>}
      </label>
    </div>
  );
}
