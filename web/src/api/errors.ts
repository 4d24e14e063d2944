import type { components } from "./schema";

type Problem = components["schemas"]["Problem"];

/** The server's codes are a closed list; the lack of any answer has one of its own. */
type Shown = Partial<Omit<Problem, "code"> & { code: Problem["code"] | "unreachable" }>;

/** A refusal, or the lack of any answer. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly param: string | null;
  readonly requestId: string | null;

  constructor(status: number, problem: Shown) {
    super(problem.detail ?? "The server gave no reason.");
    this.name = "ApiError";
    this.status = status;
    this.code = problem.code ?? "unknown";
    this.param = problem.param ?? null;
    this.requestId = problem.request_id ?? null;
  }

  get notPermitted(): boolean {
    return this.status === 403;
  }

  get notFound(): boolean {
    return this.status === 404;
  }
}

export function unreachable(): ApiError {
  return new ApiError(0, {
    code: "unreachable",
    detail: "The server could not be reached. Check the connection, then try again.",
  });
}

function isProblem(value: unknown): value is Partial<Problem> {
  return typeof value === "object" && value !== null;
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The data of an answer; a refusal is thrown as `ApiError`. */
export async function take<T>(asked: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await asked;
  } catch {
    throw unreachable();
  }
  if (!answer.response.ok) throw new ApiError(answer.response.status, isProblem(answer.error) ? answer.error : {});
  return answer.data as T;
}
