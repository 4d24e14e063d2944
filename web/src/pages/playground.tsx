import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { ArrowUp, CodeXml, MessageSquareText, Square } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { firstModel, modelsQuery } from "@/api/models";
import { useKeyInHand } from "@/lib/key-in-hand";
import { GetCode } from "@/parts/get-code";
import { PlaygroundSettings, type Settings } from "@/parts/playground-settings";
import { TurnView } from "@/parts/turn";
import { useChat } from "@/parts/use-chat";
import { Button, IconButton } from "@/ui/button";
import { useTitle } from "@/ui/page";
import { Empty } from "@/ui/states";

function number(text: string): number | null {
  const value = Number(text);
  return text.trim() === "" || !Number.isFinite(value) ? null : value;
}

interface ComposerProps {
  busy: boolean;
  ready: boolean;
  onSend: (text: string) => void;
  onStop: () => void;
}

function Composer({ busy, ready, onSend, onStop }: ComposerProps) {
  const [text, setText] = useState("");
  const send = () => {
    if (busy || !ready || text.trim() === "") return;
    onSend(text.trim());
    setText("");
  };
  return (
    <form
      className="flex items-end gap-2 rounded-lg border border-line-strong bg-surface p-2 focus-within:border-accent"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label htmlFor="message" className="sr-only">
        Message
      </label>
      <textarea
        id="message"
        rows={2}
        value={text}
        placeholder={ready ? "Message, Enter to send" : "Add an API key to send"}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
          event.preventDefault();
          send();
        }}
        className="max-h-48 min-w-0 flex-1 resize-none bg-transparent px-2 py-1.5 outline-none pointer-coarse:text-md"
      />
      {busy ? (
        <Button kind="plain" onClick={onStop}>
          <Square aria-hidden /> Stop
        </Button>
      ) : (
        <Button kind="primary" type="submit" aria-label="Send" disabled={!ready || text.trim() === ""}>
          <ArrowUp aria-hidden />
        </Button>
      )}
    </form>
  );
}

export function Playground() {
  useTitle("Playground");
  const key = useKeyInHand();
  const { model: wanted } = getRouteApi("/dashboard/playground").useSearch();
  const { data: models = [] } = useQuery(modelsQuery);
  const [settings, setSettings] = useState<Settings>({
    model: wanted ?? "",
    system: "",
    temperature: "",
    maxTokens: "",
  });
  const [code, setCode] = useState(false);
  const model = settings.model === "" ? firstModel(models) : settings.model;
  const { turns, busy, send, stop, clear } = useChat();
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // In new browsers this gives a promise, which an effect must not return.
    end.current?.scrollIntoView({ block: "nearest" });
  }, [turns]);

  return (
    <div className="mx-auto flex w-full max-w-7xl flex-col lg:h-dvh lg:flex-row">
      <div className="flex min-h-[70dvh] min-w-0 flex-1 flex-col max-lg:order-2 lg:h-full">
        <header className="flex items-center justify-between gap-3 px-4 pt-4 sm:px-8 lg:pt-8 lg:pb-4">
          <h1 className="text-xl font-semibold max-lg:sr-only">Playground</h1>
          <div className="ml-auto flex items-center gap-2">
            {turns.length > 0 && (
              <Button kind="quiet" onClick={clear} disabled={busy}>
                Clear
              </Button>
            )}
            <Button onClick={() => setCode(true)} className="max-sm:hidden">
              <CodeXml aria-hidden /> Get code
            </Button>
            <IconButton label="Get code" className="sm:hidden" onClick={() => setCode(true)}>
              <CodeXml />
            </IconButton>
          </div>
        </header>
        <div tabIndex={0} role="log" aria-label="Conversation" className="flex-1 overflow-y-auto px-4 sm:px-8">
          {turns.length === 0 ? (
            <div className="grid h-full place-items-center">
              <Empty icon={MessageSquareText} title="Try a model">
                A conversation goes through the gateway as a program's would: it is paid, and it shows up under Calls.
              </Empty>
            </div>
          ) : (
            <ol className="mx-auto max-w-3xl space-y-6 py-6">
              {turns.map((turn, index) => (
                <TurnView key={index} turn={turn} waiting={busy && index === turns.length - 1} />
              ))}
            </ol>
          )}
          <div ref={end} />
        </div>
        <div className="mx-auto w-full max-w-3xl px-4 py-4 sm:px-8 lg:pb-8">
          <Composer
            busy={busy}
            ready={key !== null}
            onStop={stop}
            onSend={(text) =>
              void send(text, {
                key: key ?? "",
                model,
                system: settings.system,
                temperature: number(settings.temperature),
                maxTokens: number(settings.maxTokens),
              })
            }
          />
        </div>
      </div>
      <PlaygroundSettings models={models} model={model} settings={settings} onChange={setSettings} />
      <GetCode
        open={code}
        onOpenChange={setCode}
        model={model}
        messages={[
          ...(settings.system.trim() === "" ? [] : [{ role: "system", content: settings.system }]),
          ...turns.filter((turn) => turn.content !== "").map(({ role, content }) => ({ role, content })),
        ]}
      />
    </div>
  );
}
