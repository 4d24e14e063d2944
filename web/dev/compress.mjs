// Beside each file of dist what it is compressed, so that the binary sends small answers without compressing anything.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
// Fonts and pictures are compressed already.
const TEXTS = new Set([".html", ".js", ".css", ".svg", ".txt"]);

for (const entry of await readdir(DIST, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !TEXTS.has(extname(entry.name))) continue;
  const path = join(entry.parentPath ?? entry.path, entry.name);
  const bytes = await readFile(path);
  const forms = [
    [".br", brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } })],
    [".gz", gzipSync(bytes, { level: 9 })],
  ];
  for (const [end, small] of forms) if (small.length < bytes.length) await writeFile(path + end, small);
}
