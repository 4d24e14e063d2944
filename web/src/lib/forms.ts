import { z } from "zod";

// Zod compiles its checks with `eval` where it may; the content security policy refuses even the attempt, and says so.
z.config({ jitless: true });

export { z };
export { zodResolver } from "@hookform/resolvers/zod";
export { useForm } from "react-hook-form";
