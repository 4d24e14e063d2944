import { useId } from "react";
import type { Role } from "@/api/queries";
import { ROLE_NAMES, ROLE_NOTES } from "@/lib/roles";

interface Props {
  value: Role;
  options: readonly Role[];
  onChange: (role: Role) => void;
}

/** A role, chosen by what it may do. */
export function RoleField({ value, options, onChange }: Props) {
  const id = useId();
  return (
    <fieldset>
      <legend className="mb-1.5 text-sm font-medium">Role</legend>
      <div className="divide-y divide-line rounded-md border border-line-strong">
        {options.map((role) => (
          <div key={role} className="flex items-start gap-3 px-3 py-2.5 has-checked:bg-accent-soft">
            <input
              id={`${id}-${role}`}
              type="radio"
              name={id}
              checked={role === value}
              onChange={() => onChange(role)}
              aria-describedby={`${id}-${role}-note`}
              className="mt-0.5 size-4 shrink-0 accent-(--accent-fill)"
            />
            <div className="min-w-0 flex-1">
              <label htmlFor={`${id}-${role}`} className="block cursor-pointer font-medium">
                {ROLE_NAMES[role]}
              </label>
              <p id={`${id}-${role}-note`} className="mt-0.5 text-sm text-ink-2">
                {ROLE_NOTES[role]}
              </p>
            </div>
          </div>
        ))}
      </div>
    </fieldset>
  );
}
