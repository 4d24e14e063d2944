import { useId, type InputHTMLAttributes, type ReactNode, type Ref, type SelectHTMLAttributes } from "react";
import { ChevronDown } from "lucide-react";
import { cx } from "@/lib/classes";

interface Shell {
  label: string;
  hint?: ReactNode;
  error?: string;
  /** The label is only for screen readers; what the field is must be clear without it. */
  bare?: boolean;
  className?: string;
}

interface Wiring {
  id: string;
  "aria-invalid"?: true;
  "aria-describedby"?: string;
}

function Field({ label, hint, error, bare, className, render }: Shell & { render: (wiring: Wiring) => ReactNode }) {
  const id = useId();
  const noteId = `${id}-note`;
  const note = error ?? hint;
  return (
    <div className={cx("min-w-0", className)}>
      <label htmlFor={id} className={bare ? "sr-only" : "mb-1.5 block text-sm font-medium text-ink"}>
        {label}
      </label>
      {render({
        id,
        ...(error !== undefined && { "aria-invalid": true }),
        ...(note !== undefined && { "aria-describedby": noteId }),
      })}
      {note !== undefined && (
        <p
          id={noteId}
          role={error === undefined ? undefined : "alert"}
          className={cx("mt-1.5 text-sm", error === undefined ? "text-ink-3" : "text-bad")}
        >
          {note}
        </p>
      )}
    </div>
  );
}

type InputProps = Shell &
  Omit<InputHTMLAttributes<HTMLInputElement>, "className"> & { ref?: Ref<HTMLInputElement>; mono?: boolean };

export function TextField({ label, hint, error, bare, className, mono, ...rest }: InputProps) {
  return (
    <Field
      {...{ label, hint, error, bare, className }}
      render={(wiring) => (
        <input type="text" {...rest} {...wiring} className={cx("control", mono && "font-mono text-sm")} />
      )}
    />
  );
}

type AreaProps = Shell &
  Omit<React.TextareaHTMLAttributes<HTMLTextAreaElement>, "className"> & { ref?: Ref<HTMLTextAreaElement> };

export function TextArea({ label, hint, error, bare, className, ...rest }: AreaProps) {
  return (
    <Field
      {...{ label, hint, error, bare, className }}
      render={(wiring) => <textarea rows={3} {...rest} {...wiring} className="control h-auto! resize-y py-2" />}
    />
  );
}

type SelectProps = Shell &
  Omit<SelectHTMLAttributes<HTMLSelectElement>, "className"> & { ref?: Ref<HTMLSelectElement> };

/** The platform's own select: best on phones, and nothing to load. */
export function SelectField({ label, hint, error, bare, className, children, ...rest }: SelectProps) {
  return (
    <Field
      {...{ label, hint, error, bare, className }}
      render={(wiring) => (
        <div className="relative">
          <select {...rest} {...wiring} className="control appearance-none truncate pr-8!">
            {children}
          </select>
          <ChevronDown
            aria-hidden
            className="pointer-events-none absolute top-1/2 right-2.5 size-4 -translate-y-1/2 text-ink-3"
          />
        </div>
      )}
    />
  );
}
