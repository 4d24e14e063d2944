import { expect, test } from "vitest";
import { signInAnswer } from "./sign-in";

test("an answer says what it is for", () => {
  expect(signInAnswer("?code=007&state=in.x")).toEqual({ kind: "answer", code: "007", state: "in.x", linking: false });
  expect(signInAnswer("?state=link.x&code=a%2Fb")).toMatchObject({ code: "a/b", linking: true });
});

test("a refusal is told in our words", () => {
  for (const search of ["", "?code=x", "?state=x", "?error=access_denied&error_description=evil", "?error=evil"]) {
    const answer = signInAnswer(search);
    expect(answer.kind).toBe("refused");
    expect(JSON.stringify(answer)).not.toContain("evil");
  }
});
