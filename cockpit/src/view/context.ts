// SPDX-License-Identifier: GPL-2.0-or-later
// What every view may use: the store, the operations, the address.
import { createContext, useCallback, useContext, useEffect, useState, useSyncExternalStore } from "react";
import cockpit from "../cockpit";
import type { Operations } from "../bus/operations";
import type { Snapshot, Store } from "../bus/store";

export interface PageServices {
  store: Store;
  operations: Operations;
}

export const PageContext = createContext<PageServices | null>(null);

export function usePage(): PageServices {
  const page = useContext(PageContext);
  if (!page)
    throw new Error("used outside of the page");
  return page;
}

export function useSnapshot(): Snapshot {
  const { store } = usePage();
  return useSyncExternalStore(store.subscribe, store.snapshot);
}

export interface Address {
  path: string[];
  options: Record<string, string | string[]>;
}

const here = (): Address => ({ path: [...cockpit.location.path], options: { ...cockpit.location.options } });

/** The page's part of the browser's address: what is shown stays over a reload and can be linked. */
export function useAddress(): Address {
  const [address, setAddress] = useState(here);
  useEffect(() => {
    const follow = (): void => setAddress(here());
    cockpit.addEventListener("locationchanged", follow);
    return () => cockpit.removeEventListener("locationchanged", follow);
  }, []);
  return address;
}

export type Loaded<T> = { value: T | null; problem: unknown };

/** What @load brings, read anew whenever @key changes. The old value stays until there is a new one, also when that can't be had. */
export function useLoaded<T>(load: () => Promise<T>, key: string): Loaded<T> & { again: () => void } {
  const [state, setState] = useState<Loaded<T>>({ value: null, problem: null });
  const [round, setRound] = useState(0);
  const again = useCallback(() => setRound(before => before + 1), []);
  useEffect(() => {
    let current = true;
    load().then(value => current && setState({ value, problem: null }),
                problem => current && setState(before => ({ value: before.value, problem })));
    return () => {
      current = false;
    };
    // @key says when; @load is another function at every drawing
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [key, round]);
  return { ...state, again };
}
