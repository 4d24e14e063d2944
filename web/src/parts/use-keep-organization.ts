import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api } from "@/api/client";
import { take } from "@/api/errors";
import { toast } from "@/ui/toast";

/** Takes the deletion of the organization back; everything is asked for again, because it opens again. */
export function useKeepOrganization() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => take(api.DELETE("/api/v1/organization/deletion")),
    onSuccess: async () => {
      toast("The organization stays. Its keys open again.");
      await client.invalidateQueries();
    },
    onError: (error) => toast(error.message, "bad"),
  });
}
