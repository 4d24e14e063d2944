/** The token behind the `#` of a letter's address, which browsers send to nobody. Null when there is none. */
export function inviteOf(hash: string): string | null {
  const token = hash.replace(/^#/, "").trim();
  return /^[\w-]{1,128}$/.test(token) ? token : null;
}

/** What somebody pasted: the token, or the whole address of the letter. */
export function pastedInvite(text: string): string | null {
  return inviteOf(text.slice(text.indexOf("#") + 1));
}
