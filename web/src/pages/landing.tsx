import { Link } from "@tanstack/react-router";
import { ArrowRight, Check, Database, KeyRound, Route, ShieldCheck, Wallet, Zap, type LucideIcon } from "lucide-react";
import { useState } from "react";
import { LANGUAGE_NAMES, LANGUAGES, snippet, type Language } from "@/lib/snippets";
import { Button } from "@/ui/button";
import { CodeBlock } from "@/ui/code";
import { useTitle } from "@/ui/page";
import { Segments } from "@/ui/segments";
import { SampleCall } from "@/parts/sample-call";

const FEATURES: { icon: LucideIcon; title: string; text: string }[] = [
  {
    icon: Zap,
    title: "One endpoint",
    text: "OpenAI, Anthropic and Gemini clients work as they are. Change the base URL, keep your code.",
  },
  {
    icon: Route,
    title: "Failover between providers",
    text: "When a provider fails before the first token, the next one answers. Every attempt is on record.",
  },
  {
    icon: Wallet,
    title: "Money to the last digit",
    text: "Integer nano-dollars, a double-entry ledger, and a bill for every single call.",
  },
  {
    icon: KeyRound,
    title: "Your keys or credits",
    text: "Bring provider accounts, prepay credits, or mix: your key first, credits when it fails.",
  },
  {
    icon: Database,
    title: "Cached answers are free",
    text: "Identical calls are answered from the cache, at once and without a charge.",
  },
  {
    icon: ShieldCheck,
    title: "Yours to run",
    text: "One binary, open source. Prompts and answers are never in the log of calls.",
  },
];

function Code() {
  const [language, setLanguage] = useState<Language>("python");
  return (
    <div className="min-w-0">
      <div className="mb-3 flex items-center justify-between gap-3">
        <Segments label="Language" value={language} options={LANGUAGES} names={LANGUAGE_NAMES} onChange={setLanguage} />
      </div>
      <CodeBlock
        label={`${LANGUAGE_NAMES[language]} example`}
        code={snippet(language, {
          baseUrl: `${location.origin}/v1`,
          model: "gpt-4o",
          key: null,
          messages: [{ role: "user", content: "Hello" }],
        })}
      />
    </div>
  );
}

function Hero() {
  return (
    <section className="mx-auto grid max-w-6xl items-center gap-12 px-4 py-16 sm:px-8 sm:py-24 lg:grid-cols-[1.1fr_1fr]">
      <div>
        <h1 className="text-3xl font-semibold sm:text-4xl">One endpoint for every model. Every call accounted for.</h1>
        <p className="mt-5 max-w-lg text-md text-pretty text-ink-2 sm:text-lg">
          llmg stands between your programs and model providers. Keys, credits, failover, caching, and a bill for each
          call that adds up.
        </p>
        <div className="mt-8 flex flex-wrap gap-3">
          <Button kind="primary" size="large" asChild>
            <Link to="/sign-up">
              Get an API key <ArrowRight aria-hidden />
            </Link>
          </Button>
          <Button size="large" asChild>
            <Link to="/catalog">See the models</Link>
          </Button>
        </div>
        <ul className="mt-8 flex flex-wrap gap-x-6 gap-y-2 text-ink-2">
          {["Works with your SDK", "Runs anywhere", "Apache-2.0"].map((text) => (
            <li key={text} className="flex items-center gap-2">
              <Check aria-hidden className="size-4 text-good" /> {text}
            </li>
          ))}
        </ul>
      </div>
      <SampleCall />
    </section>
  );
}

export function Landing() {
  useTitle("");
  return (
    <>
      <Hero />
      <section className="border-y border-line bg-side">
        <div className="mx-auto grid max-w-6xl items-center gap-10 px-4 py-16 sm:px-8 lg:grid-cols-[1fr_1.3fr]">
          <div>
            <h2 className="text-2xl font-semibold">Change one line</h2>
            <p className="mt-3 max-w-md text-md text-ink-2">
              Point the client that you have at this address. Model names stay the same, streams stay streams, and
              errors keep their shape.
            </p>
            <p className="mt-6">
              <a
                href="/api/docs"
                className="inline-flex items-center gap-1.5 rounded-sm font-medium text-accent hover:underline"
              >
                Read the API reference <ArrowRight aria-hidden className="size-4" />
              </a>
            </p>
          </div>
          <Code />
        </div>
      </section>
      <section className="mx-auto max-w-6xl px-4 py-16 sm:px-8 sm:py-24">
        <h2 className="max-w-xl text-2xl font-semibold">What a gateway owes you</h2>
        <ul className="mt-10 grid gap-x-10 gap-y-10 sm:grid-cols-2 lg:grid-cols-3">
          {FEATURES.map(({ icon: Icon, title, text }) => (
            <li key={title}>
              <Icon aria-hidden className="size-5 text-accent" />
              <h3 className="mt-3 text-md font-semibold">{title}</h3>
              <p className="mt-1 text-pretty text-ink-2">{text}</p>
            </li>
          ))}
        </ul>
      </section>
      <section className="border-t border-line">
        <div className="mx-auto flex max-w-6xl flex-wrap items-center justify-between gap-6 px-4 py-14 sm:px-8">
          <h2 className="text-2xl font-semibold">Your first call is a minute away.</h2>
          <Button kind="primary" size="large" asChild>
            <Link to="/sign-up">Sign up</Link>
          </Button>
        </div>
      </section>
    </>
  );
}
