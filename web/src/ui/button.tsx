import { LoaderCircle } from "lucide-react";
import { Slot } from "radix-ui";
import type { ButtonHTMLAttributes } from "react";
import { cx } from "@/lib/classes";

const KINDS = {
  primary: "bg-accent-fill text-on-accent hover:bg-accent-fill-hover",
  plain: "border border-line-strong bg-surface text-ink hover:bg-sunken",
  quiet: "text-ink-2 hover:bg-sunken hover:text-ink",
  danger: "bg-bad-fill text-on-accent hover:opacity-90",
} as const;

const SIZES = {
  small: "h-8 gap-1.5 px-2.5 text-sm pointer-coarse:h-9",
  normal: "h-9 gap-2 px-3.5 text-base pointer-coarse:h-10",
  large: "h-11 gap-2 px-5 text-md",
} as const;

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: keyof typeof KINDS;
  size?: keyof typeof SIZES;
  busy?: boolean;
  /** The child, usually a link, becomes the button. */
  asChild?: boolean;
}

export function Button({
  kind = "plain",
  size = "normal",
  busy = false,
  asChild,
  className,
  children,
  ...rest
}: Props) {
  const classes = cx(
    "inline-flex shrink-0 items-center justify-center rounded-md font-medium whitespace-nowrap transition-colors duration-100",
    "disabled:cursor-not-allowed disabled:opacity-50 [&_svg]:size-4 [&_svg]:shrink-0",
    KINDS[kind],
    SIZES[size],
    className,
  );
  if (asChild) return <Slot.Root className={classes}>{children}</Slot.Root>;
  return (
    <button type="button" aria-busy={busy || undefined} {...rest} disabled={busy || rest.disabled} className={classes}>
      {busy && <LoaderCircle aria-hidden className="animate-spin" />}
      {children}
    </button>
  );
}

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  label: string;
}

export function IconButton({ label, className, children, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      {...rest}
      className={cx(
        "inline-flex size-8 shrink-0 items-center justify-center rounded-md text-ink-3 transition-colors hover:bg-sunken hover:text-ink",
        "disabled:opacity-50 pointer-coarse:size-10 [&_svg]:size-4",
        className,
      )}
    >
      {children}
    </button>
  );
}
