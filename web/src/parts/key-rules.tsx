import { ChevronRight } from "lucide-react";
import type { FieldErrors, UseFormRegister } from "react-hook-form";
import { TextField } from "@/ui/field";
import type { RuleValues } from "@/lib/key-rules";

interface Props<T extends RuleValues> {
  register: UseFormRegister<T>;
  errors: FieldErrors<RuleValues>;
  open?: boolean;
}

export function RuleFields<T extends RuleValues>({ register, errors, open }: Props<T>) {
  // The form has these fields and maybe more; its own type is not needed here.
  const field = register as unknown as UseFormRegister<RuleValues>;
  return (
    <details open={open} className="group">
      <summary className="flex list-none items-center gap-1.5 rounded-sm font-medium text-ink-2 hover:text-ink [&::-webkit-details-marker]:hidden">
        <ChevronRight aria-hidden className="size-4 transition-transform group-open:rotate-90" />
        Addresses, providers, prices and tags
      </summary>
      <div className="mt-4 grid grid-cols-2 gap-4">
        <TextField
          className="col-span-2"
          mono
          label="Allowed addresses"
          placeholder="All"
          hint="IP addresses and CIDR blocks with commas between them."
          error={errors.allowed_ips?.message}
          {...field("allowed_ips")}
        />
        <TextField
          className="col-span-2"
          mono
          label="Denied models"
          placeholder="None"
          error={errors.denied_models?.message}
          {...field("denied_models")}
        />
        <TextField
          mono
          label="Allowed providers"
          placeholder="All"
          error={errors.allowed_providers?.message}
          {...field("allowed_providers")}
        />
        <TextField
          mono
          label="Denied providers"
          placeholder="None"
          error={errors.denied_providers?.message}
          {...field("denied_providers")}
        />
        <TextField
          label="Highest input price"
          inputMode="decimal"
          placeholder="Any"
          hint="USD per million tokens."
          error={errors.input_price_max?.message}
          {...field("input_price_max")}
        />
        <TextField
          label="Highest output price"
          inputMode="decimal"
          placeholder="Any"
          hint="USD per million tokens."
          error={errors.output_price_max?.message}
          {...field("output_price_max")}
        />
        <TextField
          label="Tags of each call"
          placeholder="None"
          hint="Commas between them."
          error={errors.tags?.message}
          {...field("tags")}
        />
        <TextField
          label="Metadata of each call"
          placeholder="None"
          hint="team=search, stage=live"
          error={errors.metadata?.message}
          {...field("metadata")}
        />
      </div>
    </details>
  );
}
