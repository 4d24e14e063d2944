import { useQuery } from "@tanstack/react-query";
import { useCallback } from "react";
import { apiKeysQuery, projectsQuery } from "@/api/queries";
import type { Group } from "@/lib/search";

export const GROUP_NAMES: Record<Group, string> = {
  model: "Model",
  provider: "Provider",
  api_key: "API key",
  project: "Project",
  used_mode: "Payer",
  none: "All",
};

export const MODE_NAMES: Record<string, string> = {
  credits: "Credits",
  "api-keys": "Own provider keys",
  hybrid: "Hybrid",
};

/** Names for the ids that usage is grouped by. */
export function useGroupNames(group: Group): (id: string) => string {
  const { data: keys } = useQuery({ ...apiKeysQuery, enabled: group === "api_key" });
  const { data: projects } = useQuery({ ...projectsQuery, enabled: group === "project" });
  return useCallback(
    (id: string) => {
      if (group === "none") return "All calls";
      if (id === "") return "Refused before a choice";
      if (group === "api_key") return keys?.find((key) => key.id === id)?.name ?? id;
      if (group === "project") return projects?.find((project) => project.id === id)?.name ?? id;
      return group === "used_mode" ? (MODE_NAMES[id] ?? id) : id;
    },
    [group, keys, projects],
  );
}
