import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { chooseOrganization } from "@/api/organization";
import { keepKey } from "@/lib/key-in-hand";

/** Everything on the pages belongs to an organization, so all of it is asked anew. */
export function useSwitch() {
  const client = useQueryClient();
  const router = useRouter();
  return async (id: string) => {
    chooseOrganization(id);
    keepKey(null);
    // Asked again too: the organization may be one that was just made, or the one before was just left.
    client.clear();
    await router.invalidate();
    await router.navigate({ to: "/dashboard/usage" });
  };
}
