import { useState } from "react";
import { LANGUAGE_NAMES, LANGUAGES, snippet, type Language } from "@/lib/snippets";
import { CodeBlock } from "@/ui/code";
import { Dialog } from "@/ui/dialog";
import { Segments } from "@/ui/segments";

interface Props {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  model: string;
  messages: { role: string; content: string }[];
}

/** The conversation as a program. The key is never in it. */
export function GetCode({ open, onOpenChange, model, messages }: Props) {
  const [language, setLanguage] = useState<Language>("python");
  const code = snippet(language, {
    baseUrl: `${location.origin}/v1`,
    model,
    key: null,
    messages: messages.length === 0 ? undefined : messages,
  });
  return (
    <Dialog
      wide
      open={open}
      onOpenChange={onOpenChange}
      title="Get code"
      description="It reads the key from LLMG_API_KEY."
    >
      <div className="mb-3">
        <Segments label="Language" value={language} options={LANGUAGES} names={LANGUAGE_NAMES} onChange={setLanguage} />
      </div>
      <CodeBlock label={`${LANGUAGE_NAMES[language]} code`} code={code} />
    </Dialog>
  );
}
