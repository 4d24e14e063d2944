import {
  createColumnHelper,
  createSortedRowModel,
  rowSortingFeature,
  sortFn_basic,
  tableFeatures,
  useTable,
  type RowData,
  type SortingState,
} from "@tanstack/react-table";
import { ArrowDown, ArrowUp } from "lucide-react";
import { useMemo, type ReactNode } from "react";
import { cx } from "@/lib/classes";

export interface Column<T> {
  id: string;
  header: string;
  cell: (row: T) => ReactNode;
  /** What the column is sorted by; without it, it is not. */
  sortBy?: (row: T) => string | number;
  right?: boolean;
  /** Left out below this width; what phones need of it belongs into another cell. */
  from?: "sm" | "md" | "lg";
  /** The header is for screen readers only. */
  bare?: boolean;
  grow?: boolean;
}

interface Meta {
  right?: boolean;
  from?: Column<unknown>["from"];
  bare?: boolean;
  grow?: boolean;
  edge?: Column<unknown>["from"];
}

// Only its type counts.
const columnMeta: Meta = {};

const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { basic: sortFn_basic },
  columnMeta,
});

const FROM = { sm: "hidden sm:table-cell", md: "hidden md:table-cell", lg: "hidden lg:table-cell" };

/** The first column that is always there takes the edge's room while those before it are left out. */
const EDGE = { sm: "max-sm:pl-4", md: "max-md:pl-4 max-md:sm:pl-5", lg: "max-lg:pl-4 max-lg:sm:pl-5" };

function classes(meta: Meta | undefined): string {
  return cx(
    meta?.edge && EDGE[meta.edge],
    "px-2 first:pl-4 last:pr-4 sm:px-3 sm:first:pl-5 sm:last:pr-5",
    meta?.right ? "text-right" : "text-left",
    meta?.from && FROM[meta.from],
    meta?.grow ? "w-full max-w-0" : "whitespace-nowrap",
  );
}

interface Props<T extends RowData> {
  label: string;
  columns: Column<T>[];
  rows: T[];
  rowId: (row: T) => string;
  sorting?: SortingState;
  /** Rows with a link that covers them show that they can be opened. */
  open?: boolean;
}

export function DataTable<T extends RowData>({ label, columns, rows, rowId, sorting = [], open }: Props<T>) {
  const defs = useMemo(() => {
    const helper = createColumnHelper<typeof features, T>();
    const first = columns.findIndex((column) => column.from === undefined);
    return columns.map((column, index) =>
      helper.accessor((row): unknown => column.sortBy?.(row) ?? "", {
        id: column.id,
        header: column.header,
        cell: ({ row }) => column.cell(row.original),
        enableSorting: column.sortBy !== undefined,
        sortFn: "basic",
        sortDescFirst: column.right ?? false,
        meta: {
          right: column.right,
          from: column.from,
          bare: column.bare,
          grow: column.grow,
          edge: index === first ? columns[index - 1]?.from : undefined,
        },
      }),
    );
  }, [columns]);
  const table = useTable({ features, columns: defs, data: rows, getRowId: rowId, initialState: { sorting } });

  return (
    <div className="relative overflow-x-auto">
      <table className="w-full border-collapse">
        <caption className="sr-only">{label}</caption>
        <thead className="border-b border-line text-sm text-ink-3">
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id}>
              {group.headers.map((header) => {
                const { meta } = header.column.columnDef;
                const sorted = header.column.getIsSorted();
                return (
                  <th
                    key={header.id}
                    scope="col"
                    aria-sort={sorted === false ? undefined : sorted === "asc" ? "ascending" : "descending"}
                    className={cx(classes(meta), "h-10 font-medium")}
                  >
                    {header.column.getCanSort() ? (
                      <button
                        type="button"
                        onClick={header.column.getToggleSortingHandler()}
                        className={cx(
                          "inline-flex items-center gap-1 rounded-sm align-middle hover:text-ink",
                          meta?.right && "flex-row-reverse",
                          sorted && "text-ink",
                        )}
                      >
                        <table.FlexRender header={header} />
                        {sorted === "asc" && <ArrowUp aria-hidden className="size-3.5" />}
                        {sorted === "desc" && <ArrowDown aria-hidden className="size-3.5" />}
                      </button>
                    ) : (
                      <span className={meta?.bare ? "sr-only" : undefined}>
                        <table.FlexRender header={header} />
                      </span>
                    )}
                  </th>
                );
              })}
            </tr>
          ))}
        </thead>
        <tbody className="divide-y divide-line">
          {table.getRowModel().rows.map((row) => (
            <tr key={row.id} className={cx("relative", open && "transition-colors hover:bg-sunken")}>
              {row.getAllCells().map((cell) => (
                <td key={cell.id} className={cx(classes(cell.column.columnDef.meta), "h-12 py-2")}>
                  <table.FlexRender cell={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** For the link of a row that is opened by a click anywhere in it. */
export const ROW_LINK = "rounded-sm after:absolute after:inset-0 after:content-['']";
