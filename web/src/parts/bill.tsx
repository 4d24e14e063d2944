import type { ReactNode } from "react";
import type { CallDetail } from "@/api/queries";
import { formatUsdExact } from "@/lib/money";
import { formatCount } from "@/lib/numbers";
import { Card, CardHead } from "@/ui/card";

function Line({
  name,
  note,
  strong,
  inset,
  children,
}: {
  name: string;
  note?: string;
  strong?: boolean;
  inset?: boolean;
  children: ReactNode;
}) {
  return (
    <div className={`flex items-baseline justify-between gap-4 py-2 ${strong ? "font-semibold" : ""}`}>
      <dt className={inset ? "pl-4 text-ink-3" : strong ? "" : "text-ink-2"}>
        {name}
        {note !== undefined && <span className="block text-sm font-normal text-ink-3">{note}</span>}
      </dt>
      <dd className={`num text-right ${inset ? "text-ink-3" : ""}`}>{children}</dd>
    </div>
  );
}

function chargedNote(call: CallDetail): string | undefined {
  if (call.cache === "hit") return "Answers from the cache are free.";
  if (call.used_mode === "api-keys") return "Your own provider key paid the provider.";
  return call.charged_nano_usd > call.cost_nano_usd ? "Cost with the plan's mark-up." : undefined;
}

/** What was used, what it cost and who paid, to the last digit. */
export function Bill({ call }: { call: CallDetail }) {
  const { tokens } = call;
  const parts: [string, number][] = [
    ["read from the provider's prompt cache", tokens.cached_input],
    ["written to it for 5 minutes", tokens.cache_write_5m],
    ["written to it for 1 hour", tokens.cache_write_1h],
    ["audio", tokens.audio_input],
  ];
  const outParts: [string, number][] = [
    ["reasoning", tokens.reasoning],
    ["audio", tokens.audio_output],
    ["images", tokens.image_output],
  ];
  const insets = (lines: [string, number][]) =>
    lines
      .filter(([, count]) => count > 0)
      .map(([name, count]) => (
        <Line key={name} inset name={`of which ${name}`}>
          {formatCount(count)}
        </Line>
      ));
  return (
    <Card>
      <CardHead
        title="Bill"
        note={`${call.tokens_source === "estimated" ? "Tokens counted by the gateway, because the provider did not say." : "Tokens as the provider counted them."} Price version ${call.price_version}.`}
      />
      <dl className="px-4 py-2 sm:px-5">
        <Line name="Input tokens">{formatCount(tokens.input)}</Line>
        {insets(parts)}
        <Line name="Output tokens">{formatCount(tokens.output)}</Line>
        {insets(outParts)}
        {call.searches > 0 && <Line name="Web searches">{formatCount(call.searches)}</Line>}
      </dl>
      <dl className="border-t border-line px-4 py-2 sm:px-5">
        <Line name="Cost" note="The provider's price, whoever pays.">
          {formatUsdExact(call.cost_nano_usd)}
        </Line>
        {call.provider_cost_nano_usd != null && (
          <Line name="As the provider reported it">{formatUsdExact(call.provider_cost_nano_usd)}</Line>
        )}
        {call.hold_nano_usd > 0 && <Line name="Held while it ran">{formatUsdExact(call.hold_nano_usd)}</Line>}
      </dl>
      <dl className="border-t border-line px-4 py-2 sm:px-5">
        <Line strong name="Charged to credits" note={chargedNote(call)}>
          {formatUsdExact(call.charged_nano_usd)}
        </Line>
      </dl>
    </Card>
  );
}
