import { useEffect, useState } from "react";
import { TextField } from "@/ui/field";

/** A text filter that waits for the end of the typing. */
export function TextFilter({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string;
  onChange: (value: string | undefined) => void;
}) {
  const [typed, setTyped] = useState(value);
  const [known, setKnown] = useState(value);
  if (known !== value) {
    setKnown(value);
    setTyped(value);
  }
  useEffect(() => {
    if (typed === value) return;
    const timer = setTimeout(() => onChange(typed.trim() === "" ? undefined : typed.trim()), 400);
    return () => clearTimeout(timer);
  }, [typed, value, onChange]);
  return (
    <TextField
      bare
      label={label}
      placeholder={label}
      value={typed}
      onChange={(event) => setTyped(event.target.value)}
    />
  );
}
