import { useCallback, useEffect, useRef, useState } from "react";
import { chat, ChatError, type ChatRequest, type ChatResult, type Message } from "@/lib/chat";

export interface Turn {
  role: "user" | "assistant";
  content: string;
  result?: ChatResult;
  error?: { message: string; code: string | null };
  stopped?: boolean;
}

type Ask = Pick<ChatRequest, "key" | "model" | "temperature" | "maxTokens"> & { system: string };

export function useChat() {
  const [turns, setTurns] = useState<Turn[]>([]);
  const [busy, setBusy] = useState(false);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);

  const send = useCallback(
    async (text: string, { system, ...ask }: Ask) => {
      const abort = new AbortController();
      running.current = abort;
      setBusy(true);
      const said: Turn[] = [...turns, { role: "user", content: text }];
      setTurns([...said, { role: "assistant", content: "" }]);
      const change = (update: (turn: Turn) => Turn) =>
        setTurns((now) => now.map((turn, index) => (index === said.length ? update(turn) : turn)));
      // What failed or came back empty was no answer, and is not told to the model as one.
      const messages: Message[] = said
        .filter((turn) => turn.content !== "" && turn.error === undefined)
        .map(({ role, content }) => ({ role, content }));
      if (system.trim() !== "") messages.unshift({ role: "system", content: system });
      try {
        const result = await chat({ ...ask, messages, signal: abort.signal }, (part) =>
          change((turn) => ({ ...turn, content: turn.content + part })),
        );
        change((turn) => ({ ...turn, result }));
      } catch (error) {
        if (abort.signal.aborted) change((turn) => ({ ...turn, stopped: true }));
        else {
          const code = error instanceof ChatError ? error.code : null;
          const message = error instanceof ChatError ? error.message : "The connection broke off.";
          change((turn) => ({ ...turn, error: { message, code } }));
        }
      } finally {
        setBusy(false);
      }
    },
    [turns],
  );

  return { turns, busy, send, stop: () => running.current?.abort(), clear: () => setTurns([]) };
}
