/** Limit: rows of a list that is needed whole. */
const ROWS_MAX = 2000;
/** The largest page that the API gives. */
const PAGE = 200;

interface Page<T> {
  data: T[];
  next_cursor?: string | null;
}

/** All rows of a list, page by page. */
export async function allRows<T>(ask: (query: { limit: number; cursor?: string }) => Promise<Page<T>>): Promise<T[]> {
  const rows: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await ask({ limit: PAGE, cursor });
    rows.push(...page.data);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined && rows.length < ROWS_MAX);
  return rows;
}
