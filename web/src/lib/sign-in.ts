export type SignInAnswer =
  { kind: "answer"; state: string; code: string; linking: boolean } | { kind: "refused"; why: string };

/** What a sign-in provider wrote into the address. Its own words are not shown: anybody can write an address. */
export function signInAnswer(search: string): SignInAnswer {
  const given = new URLSearchParams(search);
  const [state, code] = [given.get("state"), given.get("code")];
  if (state !== null && code !== null) return { kind: "answer", state, code, linking: state.startsWith("link.") };
  if (given.get("error") === "access_denied")
    return { kind: "refused", why: "You did not agree there, or may not use this application." };
  return { kind: "refused", why: "The provider gave no answer that can be used. Begin again." };
}
