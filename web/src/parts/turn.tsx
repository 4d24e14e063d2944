import { Link } from "@tanstack/react-router";
import type { ChatResult } from "@/lib/chat";
import { formatUsd } from "@/lib/money";
import { formatCount, formatMs } from "@/lib/numbers";
import { CopyButton } from "@/ui/copy";
import type { Turn } from "./use-chat";

function Figures({ result, text }: { result: ChatResult; text: string }) {
  const generating = result.firstTokenMs === null ? 0 : result.totalMs - result.firstTokenMs;
  const speed =
    result.outputTokens !== null && generating > 50 ? Math.round(result.outputTokens / (generating / 1000)) : null;
  const figures = [
    result.provider,
    result.firstTokenMs !== null && `${formatMs(result.firstTokenMs)} to first token`,
    speed !== null && `${formatCount(speed)} tok/s`,
    result.inputTokens !== null &&
      result.outputTokens !== null &&
      `${formatCount(result.inputTokens)} in, ${formatCount(result.outputTokens)} out`,
    result.costNanoUsd !== null && formatUsd(result.costNanoUsd),
  ].filter((figure) => figure !== false && figure !== null);
  return (
    <div className="num mt-2 flex flex-wrap items-center gap-x-3 gap-y-1 text-sm text-ink-3">
      {figures.map((figure) => (
        <span key={figure}>{figure}</span>
      ))}
      {result.requestId !== null && (
        <Link
          to="/dashboard/calls/$id"
          params={{ id: result.requestId }}
          className="rounded-sm text-accent hover:underline"
        >
          See the call
        </Link>
      )}
      <CopyButton text={text} label="Copy answer" />
    </div>
  );
}

export function TurnView({ turn, waiting }: { turn: Turn; waiting: boolean }) {
  if (turn.role === "user") {
    return (
      <li className="ml-auto w-fit max-w-[85%] rounded-xl rounded-br-sm bg-sunken px-4 py-2.5 wrap-anywhere whitespace-pre-wrap">
        <span className="sr-only">You: </span>
        {turn.content}
      </li>
    );
  }
  return (
    <li>
      <div className="leading-6 wrap-anywhere whitespace-pre-wrap">
        <span className="sr-only">Model: </span>
        {turn.content}
        {waiting && (
          <span aria-hidden className="ml-0.5 inline-block h-4 w-1.5 animate-breathe bg-accent align-text-bottom" />
        )}
      </div>
      {turn.stopped && <p className="mt-2 text-sm text-warn">Stopped. What came until then is billed.</p>}
      {turn.error && (
        <p role="alert" className="mt-2 rounded-md border border-bad/30 bg-bad-soft px-3 py-2 text-bad">
          {turn.error.message}
          {turn.error.code !== null && <code className="ml-2 font-mono text-sm">{turn.error.code}</code>}
        </p>
      )}
      {turn.result && <Figures result={turn.result} text={turn.content} />}
    </li>
  );
}
