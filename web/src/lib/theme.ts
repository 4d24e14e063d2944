import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";
const KEY = "llmg-theme";

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}

/** `public/theme.js` listens, and sets the attribute that the colours hang on. */
export function setTheme(theme: Theme): void {
  try {
    if (theme === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // Without storage the choice cannot be kept; the system decides.
  }
  dispatchEvent(new Event(KEY));
}

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    addEventListener(KEY, listener);
    return () => removeEventListener(KEY, listener);
  }, stored);
}
