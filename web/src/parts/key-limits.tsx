import { ChevronRight } from "lucide-react";
import type { FieldErrors, UseFormRegister } from "react-hook-form";
import { z } from "@/lib/forms";
import { TextField } from "@/ui/field";

const count = z
  .string()
  .trim()
  .regex(/^([1-9]\d{0,8})?$/, "A whole number from 1 on, or nothing.");

export const LIMIT_FIELDS = {
  expires_at: z.string().regex(/^(\d{4}-\d{2}-\d{2})?$/, "A date, or nothing."),
  rpm: count,
  tpm: count,
  concurrency: count,
  allowed_models: z.string(),
};

export interface LimitValues {
  expires_at: string;
  rpm: string;
  tpm: string;
  concurrency: string;
  allowed_models: string;
}

const orNull = (text: string) => (text === "" ? null : Number(text));

/** As the API takes them: what is left blank is no limit. */
export function limits(values: LimitValues) {
  const models = values.allowed_models.split(/[\s,]+/).filter((model) => model !== "");
  return {
    expires_at: values.expires_at === "" ? null : values.expires_at,
    rpm: orNull(values.rpm),
    tpm: orNull(values.tpm),
    concurrency: orNull(values.concurrency),
    allowed_models: models.length === 0 ? null : models,
  };
}

interface Props<T extends LimitValues> {
  register: UseFormRegister<T>;
  errors: FieldErrors<LimitValues>;
  open?: boolean;
}

export function LimitFields<T extends LimitValues>({ register, errors, open }: Props<T>) {
  // The form has these fields and maybe more; its own type is not needed here.
  const field = register as unknown as UseFormRegister<LimitValues>;
  return (
    <details open={open} className="group">
      <summary className="flex list-none items-center gap-1.5 rounded-sm font-medium text-ink-2 hover:text-ink [&::-webkit-details-marker]:hidden">
        <ChevronRight aria-hidden className="size-4 transition-transform group-open:rotate-90" />
        Limits and expiry
      </summary>
      <div className="mt-4 grid grid-cols-2 gap-4">
        <TextField
          label="Requests per minute"
          inputMode="numeric"
          placeholder="No limit"
          error={errors.rpm?.message}
          {...field("rpm")}
        />
        <TextField
          label="Tokens per minute"
          inputMode="numeric"
          placeholder="No limit"
          error={errors.tpm?.message}
          {...field("tpm")}
        />
        <TextField
          label="Calls at once"
          inputMode="numeric"
          placeholder="No limit"
          error={errors.concurrency?.message}
          {...field("concurrency")}
        />
        <TextField label="Expires on" type="date" error={errors.expires_at?.message} {...field("expires_at")} />
        <TextField
          className="col-span-2"
          mono
          label="Allowed models"
          placeholder="All"
          hint="Model ids with commas between them. Blank allows all."
          error={errors.allowed_models?.message}
          {...field("allowed_models")}
        />
      </div>
    </details>
  );
}
