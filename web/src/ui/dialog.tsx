import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { Button, IconButton } from "./button";

interface Props {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  description?: ReactNode;
  children: ReactNode;
  /** What must be read before it closes is not closed by a click beside it. */
  sticky?: boolean;
  wide?: boolean;
}

export function Dialog({ open, onOpenChange, title, description, children, sticky, wide }: Props) {
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 grid animate-appear items-end overflow-y-auto bg-veil sm:items-center sm:p-6">
          <Radix.Content
            {...(description === undefined && { "aria-describedby": undefined })}
            onInteractOutside={(event) => {
              if (sticky) event.preventDefault();
            }}
            className={`relative mx-auto w-full animate-rise rounded-t-xl border border-line bg-surface p-5 shadow-float outline-none sm:rounded-xl sm:p-6 ${wide ? "sm:max-w-2xl" : "sm:max-w-md"}`}
          >
            <Radix.Title className="pr-8 text-lg font-semibold tracking-tight">{title}</Radix.Title>
            {description !== undefined && (
              <Radix.Description className="mt-1 text-ink-2">{description}</Radix.Description>
            )}
            <div className="mt-5">{children}</div>
            <Radix.Close asChild>
              <IconButton label="Close" className="absolute! top-4 right-4">
                <X />
              </IconButton>
            </Radix.Close>
          </Radix.Content>
        </Radix.Overlay>
      </Radix.Portal>
    </Radix.Root>
  );
}

export function DialogActions({ children }: { children: ReactNode }) {
  return <div className="mt-6 flex flex-col-reverse gap-2 sm:flex-row sm:justify-end">{children}</div>;
}

interface ConfirmProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  children: ReactNode;
  action: string;
  busy: boolean;
  error?: string;
  onConfirm: () => void;
}

/** For what cannot be undone. */
export function Confirm({ open, onOpenChange, title, children, action, busy, error, onConfirm }: ConfirmProps) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title={title} description={children}>
      {error !== undefined && (
        <p role="alert" className="text-bad">
          {error}
        </p>
      )}
      <DialogActions>
        <Button onClick={() => onOpenChange(false)}>Cancel</Button>
        <Button kind="danger" busy={busy} onClick={onConfirm}>
          {action}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
