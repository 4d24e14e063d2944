import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig(() => {
  // Where API calls go in development: the binary, or `npm run fixtures`.
  const target = process.env.LLMG_URL ?? "http://127.0.0.1:4000";
  return {
    plugins: [react(), tailwindcss()],
    resolve: {
      alias: {
        "@": here("./src"),
        // The original writes a style element, which the content security policy refuses.
        "react-remove-scroll": here("./src/ui/scroll-lock.tsx"),
      },
    },
    build: {
      target: "es2022",
      // Files and never data: URLs, so that `default-src 'self'` covers all of them.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      chunkSizeWarningLimit: 400,
    },
    server: {
      proxy: Object.fromEntries(
        ["/api", "/v1"].map((path) => [
          path,
          // The binary takes changes from its own address only.
          { target, changeOrigin: true, headers: { origin: target } },
        ]),
      ),
    },
    test: { include: ["src/**/*.test.ts", "tests/**/*.test.ts"] },
  };
});
