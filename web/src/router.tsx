import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { resumeOrganization } from "./api/organization";
import { sessionQuery } from "./api/queries";
import { DashboardLayout } from "./layout/dashboard";
import { PublicLayout } from "./layout/public";
import { auditSearch, callsSearch, catalogSearch, nextSearch, playgroundSearch, usageSearch } from "./lib/search";
import { NotFound } from "./pages/not-found";
import { Failed, Loading } from "./ui/states";
import { Toasts } from "./ui/toast";

const root = createRootRouteWithContext<{ client: QueryClient }>()({
  component: () => (
    <>
      <Outlet />
      <Toasts />
    </>
  ),
  notFoundComponent: NotFound,
});

const site = createRoute({ getParentRoute: () => root, id: "site", component: PublicLayout });

const landing = createRoute({
  getParentRoute: () => site,
  path: "/",
  component: lazyRouteComponent(() => import("./pages/landing"), "Landing"),
});
const catalog = createRoute({
  getParentRoute: () => site,
  path: "/catalog",
  validateSearch: catalogSearch,
  component: lazyRouteComponent(() => import("./pages/models"), "PublicModels"),
});
const logIn = createRoute({
  getParentRoute: () => root,
  path: "/log-in",
  validateSearch: nextSearch,
  component: lazyRouteComponent(() => import("./pages/log-in"), "LogIn"),
});
const signUp = createRoute({
  getParentRoute: () => root,
  path: "/sign-up",
  component: lazyRouteComponent(() => import("./pages/sign-up"), "SignUp"),
});

const invite = createRoute({
  getParentRoute: () => root,
  path: "/invite",
  component: lazyRouteComponent(() => import("./pages/invite"), "Invite"),
});

const forgotPassword = createRoute({
  getParentRoute: () => root,
  path: "/forgot-password",
  component: lazyRouteComponent(() => import("./pages/forgot-password"), "ForgotPassword"),
});
const resetPassword = createRoute({
  getParentRoute: () => root,
  path: "/reset-password",
  component: lazyRouteComponent(() => import("./pages/reset-password"), "ResetPassword"),
});
const verifyEmail = createRoute({
  getParentRoute: () => root,
  path: "/verify-email",
  component: lazyRouteComponent(() => import("./pages/verify-email"), "VerifyEmail"),
});
const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in/$provider",
  component: lazyRouteComponent(() => import("./pages/sign-in"), "SignIn"),
});
const confirmSignUp = createRoute({
  getParentRoute: () => root,
  path: "/confirm-sign-up",
  component: lazyRouteComponent(() => import("./pages/confirm-sign-up"), "ConfirmSignUp"),
});

const dashboard = createRoute({
  getParentRoute: () => root,
  path: "/dashboard",
  component: DashboardLayout,
  beforeLoad: async ({ context, location }) => {
    const session = await context.client.query({ ...sessionQuery, staleTime: "static" });
    if (session === null) throw redirect({ to: "/log-in", search: { next: location.href } });
    return { session: { ...session, organization_id: resumeOrganization(session) } };
  },
});
const index = createRoute({
  getParentRoute: () => dashboard,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/dashboard/usage", replace: true });
  },
});
const getStarted = createRoute({
  getParentRoute: () => dashboard,
  path: "/get-started",
  component: lazyRouteComponent(() => import("./pages/get-started"), "GetStarted"),
});
const playground = createRoute({
  getParentRoute: () => dashboard,
  path: "/playground",
  validateSearch: playgroundSearch,
  component: lazyRouteComponent(() => import("./pages/playground"), "Playground"),
});
const models = createRoute({
  getParentRoute: () => dashboard,
  path: "/models",
  validateSearch: catalogSearch,
  component: lazyRouteComponent(() => import("./pages/models"), "Models"),
});
const apiKeys = createRoute({
  getParentRoute: () => dashboard,
  path: "/api-keys",
  component: lazyRouteComponent(() => import("./pages/api-keys"), "ApiKeys"),
});
const usage = createRoute({
  getParentRoute: () => dashboard,
  path: "/usage",
  validateSearch: usageSearch,
  component: lazyRouteComponent(() => import("./pages/usage"), "UsagePage"),
});
const calls = createRoute({
  getParentRoute: () => dashboard,
  path: "/calls",
  validateSearch: callsSearch,
  component: lazyRouteComponent(() => import("./pages/calls"), "Calls"),
});
const call = createRoute({
  getParentRoute: () => dashboard,
  path: "/calls/$id",
  component: lazyRouteComponent(() => import("./pages/call"), "CallPage"),
});
const credits = createRoute({
  getParentRoute: () => dashboard,
  path: "/credits",
  component: lazyRouteComponent(() => import("./pages/credits"), "CreditsPage"),
});
const budgets = createRoute({
  getParentRoute: () => dashboard,
  path: "/budgets",
  component: lazyRouteComponent(() => import("./pages/budgets"), "Budgets"),
});
const providerKeys = createRoute({
  getParentRoute: () => dashboard,
  path: "/settings/provider-keys",
  component: lazyRouteComponent(() => import("./pages/provider-keys"), "ProviderKeys"),
});
const projects = createRoute({
  getParentRoute: () => dashboard,
  path: "/settings/projects",
  component: lazyRouteComponent(() => import("./pages/projects"), "Projects"),
});
const members = createRoute({
  getParentRoute: () => dashboard,
  path: "/settings/members",
  component: lazyRouteComponent(() => import("./pages/members"), "Members"),
});
const auditLog = createRoute({
  getParentRoute: () => dashboard,
  path: "/settings/audit-log",
  validateSearch: auditSearch,
  component: lazyRouteComponent(() => import("./pages/audit-log"), "AuditLog"),
});
const organization = createRoute({
  getParentRoute: () => dashboard,
  path: "/settings/organization",
  component: lazyRouteComponent(() => import("./pages/organization"), "Organization"),
});
const account = createRoute({
  getParentRoute: () => dashboard,
  path: "/account",
  component: lazyRouteComponent(() => import("./pages/account"), "Account"),
});
const operator = createRoute({
  getParentRoute: () => dashboard,
  path: "/operator",
  component: lazyRouteComponent(() => import("./pages/operator"), "Operator"),
});

const routeTree = root.addChildren([
  site.addChildren([landing, catalog]),
  logIn,
  signUp,
  signIn,
  invite,
  forgotPassword,
  resetPassword,
  verifyEmail,
  confirmSignUp,
  dashboard.addChildren([
    index,
    getStarted,
    playground,
    models,
    apiKeys,
    usage,
    calls,
    call,
    credits,
    budgets,
    providerKeys,
    projects,
    members,
    auditLog,
    organization,
    account,
    operator,
  ]),
]);

export function makeRouter(client: QueryClient) {
  return createRouter({
    routeTree,
    context: { client },
    defaultPreload: "intent",
    scrollRestoration: true,
    defaultPendingComponent: () => <Loading />,
    defaultErrorComponent: ({ error, reset }) => <Failed error={error} onRetry={reset} />,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
