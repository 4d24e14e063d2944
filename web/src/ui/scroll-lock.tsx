import { Slot } from "radix-ui";
import { useEffect, type ReactNode } from "react";

interface Props {
  children?: ReactNode;
  as?: unknown;
  enabled?: boolean;
  allowPinchZoom?: boolean;
  shards?: unknown;
}

let locks = 0;

/**
 * Stands in for the package `react-remove-scroll` inside Radix (see `vite.config.ts`): the page behind a dialog does not
 * scroll, by a class instead of a style element.
 */
export function RemoveScroll({ children, as, enabled = true, allowPinchZoom: _zoom, shards: _shards, ...rest }: Props) {
  useEffect(() => {
    if (!enabled) return;
    const { classList, clientWidth } = document.documentElement;
    locks += 1;
    if (innerWidth > clientWidth) classList.add("scroll-place");
    classList.add("scroll-locked");
    return () => {
      locks -= 1;
      if (locks === 0) classList.remove("scroll-locked", "scroll-place");
    };
  }, [enabled]);
  return as === undefined ? <div {...rest}>{children}</div> : <Slot.Root {...rest}>{children}</Slot.Root>;
}
