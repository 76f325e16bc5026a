// SPDX-License-Identifier: GPL-2.0-or-later
// The verbs of the interface as one table: from which states, what they say. The desktop window has the same table.
import { _, N_, withoutMnemonic } from "../i18n";
import type { Patch } from "./patch";

export const VERBS = ["apply", "activate", "accept", "revoke", "deactivate", "remove"] as const;
export type Verb = typeof VERBS[number];

interface VerbInfo {
  label: string;
  explanation: string;
  /** Why it is off in another state. */
  offReason: string;
  from: string[];
  /** Takes protection away: the button says so, and it is asked. */
  destructive: boolean;
  /** "" when nothing is asked. */
  question: string;
  done: string;
  doing: string;
}

export const TABLE: Record<Verb, VerbInfo> = {
  apply: {
    label: N_("_Apply…"),
    explanation: N_("Checks the patch, loads it and puts the new code in effect"),
    offReason: N_("It is applied already"),
    from: ["not-applied"],
    destructive: false,
    question: N_("Apply %s?"),
    done: N_("%s applied"),
    doing: N_("Applying %s"),
  },
  activate: {
    label: N_("A_ctivate"),
    explanation: N_("Puts the new code in effect"),
    offReason: N_("Only a deactivated patch can be activated"),
    from: ["deactivated"],
    destructive: false,
    question: "",
    done: N_("%s activated"),
    doing: N_("Activating %s"),
  },
  accept: {
    label: N_("Accep_t"),
    explanation: N_("Makes the patch come back after a reboot"),
    offReason: N_("Only an active patch can be accepted"),
    from: ["active"],
    destructive: false,
    question: "",
    done: N_("%s accepted: it comes back after a reboot"),
    doing: N_("Accepting %s"),
  },
  revoke: {
    label: N_("Re_voke…"),
    explanation: N_("Keeps the patch active until the next reboot only"),
    offReason: N_("Only an accepted patch can be revoked"),
    from: ["accepted"],
    destructive: true,
    question: N_("Revoke %s?"),
    done: N_("%s revoked: it is gone after a reboot"),
    doing: N_("Revoking %s"),
  },
  deactivate: {
    label: N_("_Deactivate…"),
    explanation: N_("Puts the original code back, the patch stays loaded"),
    offReason: N_("Only an active or accepted patch can be deactivated"),
    from: ["active", "accepted"],
    destructive: true,
    question: N_("Deactivate %s?"),
    done: N_("%s deactivated"),
    doing: N_("Deactivating %s"),
  },
  remove: {
    label: N_("_Remove…"),
    explanation: N_("Puts the original code back and unloads the patch"),
    offReason: N_("It isn’t applied, so there is nothing to remove"),
    from: ["deactivated", "active", "accepted"],
    destructive: true,
    question: N_("Remove %s?"),
    done: N_("%s removed"),
    doing: N_("Removing %s"),
  },};

/** Nouns of everything that a job or the history can be about. */
const NOUNS: Record<string, string> = {
  apply: N_("Apply"),
  activate: N_("Activate"),
  accept: N_("Accept"),
  revoke: N_("Revoke"),
  remove: N_("Remove"),
  deactivate: N_("Deactivate"),
  install: N_("Install"),
  restore: N_("Restore"),
  uninstall: N_("Uninstall"),
};

export const isVerb = (word: string): word is Verb => (VERBS as readonly string[]).includes(word);

export const isFrom = (verb: Verb, state: string): boolean => TABLE[verb].from.includes(state);

/** "Apply"; a word that this page doesn't know stays as it is. */
export const nounOf = (word: string): string => NOUNS[word] ? _(NOUNS[word]) : word;

/** "Apply…" on a button. */
export const labelOf = (verb: Verb): string => withoutMnemonic(_(TABLE[verb].label));

/** "Applying HP001" */
export function doingOf(word: string, object: string): string {
  if (isVerb(word))
    return _(TABLE[word].doing, object);
  if (word === "install")
    return _("Installing a patch");
  if (word === "uninstall")
    return _("Uninstalling %s", object);
  if (word === "restore")
    return _("Restoring accepted patches");
  return _("Working on %s", object);
}

/** Whether @verb does something for @patch as far as its state and problems tell. */
export function fits(verb: Verb, patch: Patch): boolean {
  if (patch.problems.includes("foreign"))
    return false;
  if (verb === "activate" && ["active", "accepted"].includes(patch.state) &&
      (patch.problems.includes("processes-unpatched") || patch.problems.includes("not-loaded")))
    return true;
  return isFrom(verb, patch.state);
}

/** Why @verb does nothing for any of @patches as far as their states tell; "" when it does something for one. */
export function reasonAgainst(verb: Verb, patches: Patch[]): string {
  if (patches.some(patch => fits(verb, patch) && !patch.job))
    return "";
  if (patches.length !== 1)
    return _("None of the selected patches is in a state for this");
  const patch = patches[0];
  if (patch.job)
    return _("The patch is being worked on");
  if (patch.problems.includes("foreign"))
    return _("Something else loaded it, so only that can take it away");
  if (patch.state === "unknown")
    return _("The state of the patch isn’t known at the moment");
  if (verb === "apply" && patch.state === "deactivated")
    return _("It is loaded already: activate it");
  return _(TABLE[verb].offReason);
}

/** Why the files of @patch can't be deleted now; "" when they can. */
export function reasonAgainstUninstall(patch: Patch): string {
  if (patch.job)
    return _("The patch is being worked on");
  return patch.state !== "not-applied" ? _("Remove the patch first: its files are in use") : "";
}

export interface Step {
  verb: Verb;
  /** With apply: load without activating. */
  loadOnly?: boolean;
}

/** The way from one state back to another, as the table of states gives it; empty when there is none. */
export function stepsBetween(from: string, to: string): Step[] {
  const ways: Record<string, Step[]> = {
    "not-applied deactivated": [{ verb: "apply", loadOnly: true }],
    "not-applied active": [{ verb: "apply" }],
    "not-applied accepted": [{ verb: "apply" }, { verb: "accept" }],
    "deactivated not-applied": [{ verb: "remove" }],
    "deactivated active": [{ verb: "activate" }],
    "deactivated accepted": [{ verb: "activate" }, { verb: "accept" }],
    "active not-applied": [{ verb: "remove" }],
    "active deactivated": [{ verb: "deactivate" }],
    "active accepted": [{ verb: "accept" }],
    "accepted not-applied": [{ verb: "remove" }],
    "accepted deactivated": [{ verb: "deactivate" }],
    "accepted active": [{ verb: "revoke" }],
  };
  return ways[`${from} ${to}`] ?? [];
}

export interface Call extends Step {
  paths: string[];
}

/** The calls that bring every patch from its state now back to the one before; patches that need the same step share a call. */
export function callsBack(patches: { path: string; now: string; before: string }[]): Call[] {
  const calls: Call[] = [];
  for (const round of [0, 1]) {
    const first = calls.length;
    for (const { path, now, before } of patches) {
      const step = stepsBetween(now, before)[round];
      if (!step)
        continue;
      const same = calls.slice(first).find(call => call.verb === step.verb && call.loadOnly === step.loadOnly);
      if (same)
        same.paths.push(path);
      else
        calls.push({ ...step, paths: [path] });
    }
  }
  return calls;
}
