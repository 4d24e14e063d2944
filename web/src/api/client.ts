import createClient from "openapi-fetch";
import { chosenOrganization } from "./organization";
import type { paths } from "./schema";

export const api = createClient<paths>({ baseUrl: "/", credentials: "same-origin" });

api.use({
  onRequest({ request }) {
    const organization = chosenOrganization();
    if (organization !== null) request.headers.set("x-llmg-organization", organization);
  },
});
