import { useState } from "react";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { pastedInvite } from "@/lib/invite";

/** For letters without a link: takes the token, or the whole address that somebody pasted. */
export function TokenField({ onToken }: { onToken: (token: string) => void }) {
  const [error, setError] = useState<string>();
  return (
    <form
      noValidate
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        const text = new FormData(event.currentTarget).get("token");
        const token = typeof text === "string" ? pastedInvite(text) : null;
        if (token === null) setError("Paste the address or the code of the letter.");
        else onToken(token);
      }}
    >
      <TextField label="Code from the letter" name="token" autoComplete="off" error={error} />
      <Button type="submit" kind="primary" className="w-full">
        Continue
      </Button>
    </form>
  );
}
