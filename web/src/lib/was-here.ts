// Whether this browser was logged in when it was last seen. Only a hint, so that pages that are open to all need not ask
// the server for a session that most visitors do not have.
const KEY = "llmg-was-here";

export function wasHere(): boolean {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    return false;
  }
}

export function noteHere(here: boolean): void {
  try {
    if (here) localStorage.setItem(KEY, "1");
    else localStorage.removeItem(KEY);
  } catch {
    // Without storage the open pages offer the log-in, which then leads on.
  }
}
