import type { Session } from "./queries";

const KEY = "llmg-organization";
let chosen: string | null = null;

/** What requests are about; null leaves it to the server. */
export function chosenOrganization(): string | null {
  return chosen;
}

/** Takes up the choice of this browser again, if the person still belongs to that organization. */
export function resumeOrganization(session: Session): string {
  let stored: string | null = null;
  try {
    stored = localStorage.getItem(KEY);
  } catch {
    // Without storage the choice lasts until the page is closed.
    stored = chosen;
  }
  chosen = session.organizations.some((entry) => entry.id === stored) ? stored : null;
  return chosen ?? session.organization_id;
}

export function chooseOrganization(id: string): void {
  chosen = id;
  try {
    localStorage.setItem(KEY, id);
  } catch {
    // It lasts until the page is closed.
  }
}
