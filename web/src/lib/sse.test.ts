import { expect, it } from "vitest";
import { events } from "./sse";

function bodyOf(parts: (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(typeof part === "string" ? encoder.encode(part) : part);
      controller.close();
    },
  });
}

async function read(parts: (string | Uint8Array)[]): Promise<string[]> {
  const seen: string[] = [];
  for await (const data of events(bodyOf(parts))) seen.push(data);
  return seen;
}

it("reads events however they are cut", async () => {
  expect(await read(["data: a\n\nda", "ta: b\n", "\n"])).toEqual(["a", "b"]);
  expect(await read(["data: a\r", "\n\r\ndata: b\r\n\r\n"])).toEqual(["a", "b"]);
});

it("skips comments, joins lines, and keeps an end without a blank line", async () => {
  expect(await read([": still here\n\nevent: x\ndata: 1\ndata:2\n\ndata: [DONE]"])).toEqual(["1\n2", "[DONE]"]);
});

it("does not tear a letter apart", async () => {
  const bytes = new TextEncoder().encode("data: é\n\n");
  expect(await read([bytes.slice(0, 7), bytes.slice(7)])).toEqual(["é"]);
});
