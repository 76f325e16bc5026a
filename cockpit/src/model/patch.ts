// SPDX-License-Identifier: GPL-2.0-or-later
// One patch as the page knows it, and how the bus tells it. Must not know how it is shown.
import type { Dictionary, Variant } from "../cockpit";
import { _ } from "../i18n";

export const STATES = ["not-applied", "deactivated", "active", "accepted", "unknown"] as const;
export const SEVERITIES = ["", "low", "medium", "high", "critical"] as const;

export interface Patch {
  path: string;
  uuid: string;
  /** Full name, TARGET-VERSION/NAME/OBJECT. */
  name: string;
  kind: string;
  targetName: string;
  targetVersion: string;
  targetObject: string;
  description: string;
  issues: string[];
  severity: string;
  state: string;
  problems: string[];
  processesTotal: number;
  processesPatched: number;
  /** Microseconds since the epoch; 0: never. */
  lastChange: number;
  /** Path of the job that works on it, "" when none does. */
  job: string;
}

/** What only the page of one patch shows. */
export interface PatchDetails {
  version: string;
  release: string;
  architecture: string;
  bundle: string;
  targetFiles: string[];
  targetBuildId: string;
  digest: string;
  license: string;
  sourcePatches: [string, string][];
  functions: string[];
  signer: string;
}

/** The properties that the list asks for. */
export const LIST_PROPERTIES = [
  "Uuid", "Name", "Kind", "TargetName", "TargetVersion", "TargetObject", "Description", "Issues", "Severity", "State",
  "Problems", "ProcessesTotal", "ProcessesPatched", "LastChange", "Job",
];

// Control characters, marks and overrides of the writing direction, and what has no width: with them a text of a stranger (a patch's
// description, a program's name) would turn around or hide what stands beside it.
const TRICKS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** @text as it may be shown. */
export const harmless = (text: string): string => text.replaceAll("\r\n", "\n").replace(TRICKS, "\ufffd");

export function text(values: Dictionary, key: string, absent = ""): string {
  const value = values[key]?.v;
  return typeof value === "string" ? harmless(value) : absent;
}

export function number(values: Dictionary, key: string, absent = 0): number {
  const value = values[key]?.v;
  return typeof value === "number" ? value : absent;
}

export function strings(values: Dictionary, key: string): string[] {
  const value = values[key]?.v;
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string").map(harmless) : [];
}

const jobPath = (path: string): string => path === "/" ? "" : path;

/** A row of ListPatches. */
export function patchFromRow(row: Dictionary): Patch {
  return {
    path: text(row, "Path"),
    uuid: text(row, "Uuid"),
    name: text(row, "Name"),
    kind: text(row, "Kind"),
    targetName: text(row, "TargetName"),
    targetVersion: text(row, "TargetVersion"),
    targetObject: text(row, "TargetObject"),
    description: text(row, "Description"),
    issues: strings(row, "Issues"),
    severity: text(row, "Severity"),
    state: text(row, "State", "unknown"),
    problems: strings(row, "Problems"),
    processesTotal: number(row, "ProcessesTotal"),
    processesPatched: number(row, "ProcessesPatched"),
    lastChange: number(row, "LastChange"),
    job: jobPath(text(row, "Job", "/")),
  };
}

/** @patch with what a PropertiesChanged signal says; the very same object when that is nothing new. */
export function patchWithChanges(patch: Patch, changed: Dictionary): Patch {
  const next = { ...patch };
  if (changed.State)
    next.state = text(changed, "State", "unknown");
  if (changed.Problems)
    next.problems = strings(changed, "Problems");
  if (changed.ProcessesTotal)
    next.processesTotal = number(changed, "ProcessesTotal");
  if (changed.ProcessesPatched)
    next.processesPatched = number(changed, "ProcessesPatched");
  if (changed.LastChange)
    next.lastChange = number(changed, "LastChange");
  if (changed.Job)
    next.job = jobPath(text(changed, "Job", "/"));
  return equalPatches(patch, next) ? patch : next;
}

/** What a decision about a patch rests on. */
export interface Seen {
  path: string;
  state: string;
  /** undefined: doesn't matter. */
  problems?: string[];
}

/** A patch of which nothing is known yet. */
export const newPatch = (path: string): Patch => ({ ...patchFromRow({}), path });

/** Whether @now is still what the decision rests on. */
export const isAsSeen = (seen: Seen, now: Patch | undefined): boolean =>
  now !== undefined && now.state === seen.state
  && (seen.problems === undefined || [...seen.problems].sort().join() === [...now.problems].sort().join());

/** Whether the two are shown the same in every respect. */
export function equalPatches(a: Patch, b: Patch): boolean {
  return (Object.keys(a) as (keyof Patch)[]).every(key => {
    const one = a[key];
    const other = b[key];
    return Array.isArray(one) && Array.isArray(other)
      ? one.length === other.length && one.every((item, index) => item === other[index])
      : one === other;
  });
}

export function detailsFromProperties(values: Dictionary): PatchDetails {
  const pairs = values.SourcePatches?.v;
  return {
    version: text(values, "Version"),
    release: text(values, "Release"),
    architecture: text(values, "Architecture"),
    bundle: text(values, "Bundle"),
    targetFiles: strings(values, "TargetFiles"),
    targetBuildId: text(values, "TargetBuildId"),
    digest: text(values, "Digest"),
    license: text(values, "License"),
    sourcePatches: Array.isArray(pairs) ? (pairs as [string, string][]).map(([name, digest]) => [harmless(String(name)), harmless(String(digest))]) : [],
    functions: strings(values, "Functions"),
    signer: text(values, "Signer"),
  };
}

/** "HP001 · toy": what people call it. */
export function titleOf(patch: Patch): string {
  const parts = patch.name.split("/");
  if (parts.length >= 3)
    return `${parts[1]} · ${parts.slice(2).join("/")}`;
  if (parts.length === 2)
    return parts[1];
  return patch.name || _("Patch %.8s", patch.uuid);
}

/** "redis 5:7.0.15-1": the package that is patched. */
export function targetOf(patch: Patch): string {
  return [patch.targetName, patch.targetVersion].filter(part => part !== "").join(" ") || _("Unknown target");
}

/** The last part of an object's path: a number may be larger than JavaScript's numbers hold exactly, so it stays text. */
export function jobNumber(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export const variant = (t: string, v: unknown): Variant => ({ t, v });
