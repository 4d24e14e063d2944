import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { toast } from "./toast";
import { Button, IconButton } from "./button";

async function write(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    toast("Copying was not allowed. Select the text and copy it by hand.", "bad");
    return false;
  }
}

interface Props {
  text: string;
  label: string;
  kind?: "icon" | "button" | "primary";
}

export function CopyButton({ text, label, kind = "icon" }: Props) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  const icon = copied ? <Check aria-hidden className="text-good" /> : <Copy aria-hidden />;
  const onClick = () => void write(text).then(setCopied);
  if (kind === "icon") {
    return (
      <IconButton label={copied ? "Copied" : label} onClick={onClick}>
        {icon}
      </IconButton>
    );
  }
  return (
    <Button kind={kind === "primary" ? "primary" : "plain"} onClick={onClick}>
      {kind === "primary" ? copied ? <Check aria-hidden /> : <Copy aria-hidden /> : icon}
      <span aria-live="polite">{copied ? "Copied" : label}</span>
    </Button>
  );
}
