// SPDX-License-Identifier: GPL-2.0-or-later
// What this tab of the browser has begun and not yet told the end of: kept over a reload, after which the page would take its own jobs for
// somebody else's, and could not offer to undo them.
import cockpit from "../cockpit";

export interface Pending {
  /** The job's path. */
  job: string;
  /** The service's name on the bus: another run of it counts its jobs anew. */
  owner: string;
  /** What is told when it did something, and when there was nothing to do. */
  changed: string;
  unchanged: string;
  /** Whether the results are listed. */
  several: boolean;
  /** States before, by path; null: nothing to undo. */
  before: [string, string][] | null;
}

/** One tab may show the pages of several machines. */
const key = (): string => `syscare:${cockpit.transport.host}:begun`;

export function allPending(): Pending[] {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(key()) ?? "[]");
    return Array.isArray(kept) ? kept as Pending[] : [];
  } catch {
    return []; // the storage may be forbidden, and what lies in it is not ours alone
  }
}

function keep(all: Pending[]): void {
  try {
    sessionStorage.setItem(key(), JSON.stringify(all));
  } catch {
    // without a storage nothing is remembered
  }
}

export const remember = (one: Pending): void => keep([...allPending(), one]);

export const forget = (job: string): void => keep(allPending().filter(one => one.job !== job));
