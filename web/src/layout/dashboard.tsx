import { Link, Outlet } from "@tanstack/react-router";
import { Menu as MenuIcon, X } from "lucide-react";
import { Dialog } from "radix-ui";
import { Suspense, useState } from "react";
import { Loading } from "@/ui/states";
import { DeletionBanner } from "@/parts/deletion-banner";
import { VerifyBanner } from "@/parts/verify-banner";
import { IconButton } from "@/ui/button";
import { AccountMenu } from "./account-menu";
import { Logo } from "./logo";
import { Navigation } from "./navigation";

function Sheet() {
  const [open, setOpen] = useState(false);
  return (
    <Dialog.Root open={open} onOpenChange={setOpen}>
      <Dialog.Trigger asChild>
        <IconButton label="Open navigation">
          <MenuIcon />
        </IconButton>
      </Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 animate-appear bg-veil" />
        <Dialog.Content
          aria-describedby={undefined}
          className="fixed inset-y-0 left-0 z-50 flex w-72 max-w-[85vw] animate-slide-in flex-col border-r border-line bg-side outline-none"
        >
          <Dialog.Title className="sr-only">Navigation</Dialog.Title>
          <div className="flex items-center justify-between p-4">
            <Logo />
            <Dialog.Close asChild>
              <IconButton label="Close navigation">
                <X />
              </IconButton>
            </Dialog.Close>
          </div>
          <div className="flex-1 overflow-y-auto px-3 py-2">
            <Navigation onChosen={() => setOpen(false)} />
          </div>
          <div className="border-t border-line p-2">
            <AccountMenu />
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

export function DashboardLayout() {
  return (
    <div className="min-h-dvh lg:grid lg:grid-cols-[15rem_minmax(0,1fr)]">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:top-3 focus:left-3 focus:z-50 focus:rounded-md focus:bg-surface focus:px-3 focus:py-2"
      >
        Skip to content
      </a>
      <aside className="hidden border-r border-line bg-side lg:block">
        <div className="sticky top-0 flex h-dvh flex-col">
          <Link to="/dashboard/usage" aria-label="llmg, usage" className="m-3 self-start rounded-md p-2">
            <Logo />
          </Link>
          <div className="flex-1 overflow-y-auto px-3 py-2">
            <Navigation />
          </div>
          <div className="border-t border-line p-2">
            <AccountMenu />
          </div>
        </div>
      </aside>
      <header className="sticky top-0 z-30 flex h-14 items-center gap-3 border-b border-line bg-canvas px-3 lg:hidden">
        <Sheet />
        <Link to="/dashboard/usage" aria-label="llmg, usage" className="inline-flex rounded-md">
          <Logo />
        </Link>
      </header>
      <main id="main" tabIndex={-1} className="min-w-0 outline-none">
        <VerifyBanner />
        <DeletionBanner />
        <Suspense fallback={<Loading />}>
          <Outlet />
        </Suspense>
      </main>
    </div>
  );
}
