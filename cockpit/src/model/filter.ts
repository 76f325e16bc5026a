// SPDX-License-Identifier: GPL-2.0-or-later
// Which patches are shown and in which order, and how that is written into the address of the page.
import { SEVERITIES, STATES, titleOf, type Patch } from "./patch";

export type SortKey = "name" | "target" | "state" | "severity" | "changed";

export interface View {
  /** Words that must all occur in the name, the target, the description or an issue. */
  search: string;
  /** "" for all, "problems", or a state. */
  show: string;
  /** "" for all, "user" or "kernel". */
  kind: string;
  sort: SortKey;
  descending: boolean;
  /** From 1. */
  page: number;
}

export const PAGE_SIZE = 50;

const SORT_KEYS: SortKey[] = ["name", "target", "state", "severity", "changed"];
const SHOWS = ["", "problems", ...STATES];

export const PLAIN_VIEW: View = { search: "", show: "", kind: "", sort: "name", descending: false, page: 1 };

type Options = Record<string, string | string[] | undefined>;

/** The view that an address's options ask for; what isn't known is left out. */
export function viewFromOptions(options: Options): View {
  const one = (key: string): string => {
    const value = options[key];
    return (Array.isArray(value) ? value[0] : value) ?? "";
  };
  const sort = one("sort");
  const page = Number.parseInt(one("page"), 10);
  return {
    search: one("search"),
    show: SHOWS.includes(one("show")) ? one("show") : "",
    kind: ["user", "kernel"].includes(one("kind")) ? one("kind") : "",
    sort: (SORT_KEYS as string[]).includes(sort) ? sort as SortKey : "name",
    descending: one("order") === "down",
    page: page > 0 ? page : 1,
  };
}

/** The other way round; what is as usual is left out, so that a plain view has a plain address. */
export function optionsFromView(view: View): Record<string, string> {
  const options: Record<string, string> = {};
  if (view.search)
    options.search = view.search;
  if (view.show)
    options.show = view.show;
  if (view.kind)
    options.kind = view.kind;
  if (view.sort !== "name")
    options.sort = view.sort;
  if (view.descending)
    options.order = "down";
  if (view.page > 1)
    options.page = String(view.page);
  return options;
}

/** Whether anything narrows the list. */
export const narrows = (view: View): boolean => view.search.trim() !== "" || view.show !== "" || view.kind !== "";

const haystack = (patch: Patch): string =>
  [patch.name, titleOf(patch), patch.targetName, patch.targetVersion, patch.uuid, patch.description, ...patch.issues].join("\n").toLowerCase();

function shows(show: string, patch: Patch): boolean {
  if (show === "")
    return true;
  return show === "problems" ? patch.problems.length > 0 : patch.state === show;
}

export function matches(patch: Patch, view: View): boolean {
  if (view.kind && patch.kind !== view.kind)
    return false;
  if (!shows(view.show, patch))
    return false;
  const words = view.search.toLowerCase().split(/\s+/).filter(word => word !== "");
  if (words.length === 0)
    return true;
  const text = haystack(patch);
  return words.every(word => text.includes(word));
}

const ORDERS: Record<SortKey, (a: Patch, b: Patch) => number> = {
  name: () => 0,
  target: (a, b) => compare(a.targetName, b.targetName),
  state: (a, b) => index(STATES, a.state) - index(STATES, b.state),
  severity: (a, b) => index(SEVERITIES, b.severity) - index(SEVERITIES, a.severity),
  changed: (a, b) => b.lastChange - a.lastChange,
};

const compare = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0;

const index = (words: readonly string[], word: string): number => words.indexOf(word);

/** The patches that the view shows, in its order: a stable one, so that a refresh moves nothing. */
export function select(patches: Iterable<Patch>, view: View): Patch[] {
  const order = ORDERS[view.sort];
  const direction = view.descending ? -1 : 1;
  return [...patches].filter(patch => matches(patch, view)).sort((a, b) =>
    direction * (order(a, b) || compare(titleOf(a), titleOf(b)) || compare(a.name, b.name)) || compare(a.path, b.path));
}

export interface Counts {
  all: number;
  problems: number;
  [state: string]: number;
}

/** How many patches are in which state; what the filters say. */
export function count(patches: Iterable<Patch>): Counts {
  const counts: Counts = { all: 0, problems: 0 };
  for (const state of STATES)
    counts[state] = 0;
  for (const patch of patches) {
    counts.all++;
    counts[patch.state] = (counts[patch.state] ?? 0) + 1;
    if (patch.problems.length > 0)
      counts.problems++;
  }
  return counts;
}
