import { ToggleGroup } from "radix-ui";

interface Props<T extends string> {
  label: string;
  value: T | null;
  options: readonly T[];
  names: Record<T, string>;
  onChange: (value: T) => void;
}

/** A choice among few, all of them visible. */
export function Segments<T extends string>({ label, value, options, names, onChange }: Props<T>) {
  return (
    <ToggleGroup.Root
      type="single"
      aria-label={label}
      value={value ?? ""}
      onValueChange={(next) => {
        if (next !== "") onChange(next as T);
      }}
      className="inline-flex h-9 rounded-md border border-line bg-sunken p-0.5 pointer-coarse:h-10"
    >
      {options.map((option) => (
        <ToggleGroup.Item
          key={option}
          value={option}
          className="rounded-[0.25rem] px-3 text-sm font-medium whitespace-nowrap text-ink-2 transition-colors hover:text-ink data-[state=on]:bg-surface data-[state=on]:text-ink data-[state=on]:ring-1 data-[state=on]:ring-line-strong"
        >
          {names[option]}
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  );
}
