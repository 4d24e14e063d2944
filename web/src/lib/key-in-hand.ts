import { useSyncExternalStore } from "react";

// A key that was just made or pasted. It lives in this variable only: never in storage, never in a URL.
let key: string | null = null;
const listeners = new Set<() => void>();

export function keepKey(next: string | null): void {
  key = next;
  for (const listener of listeners) listener();
}

export function useKeyInHand(): string | null {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => key,
  );
}
