// SPDX-License-Identifier: GPL-2.0-or-later
// The bus's words in the reader's language. A word that this page doesn't know is shown as it came. The desktop window has the same words.
import cockpit from "../cockpit";
import { _, N_, ngettext } from "../i18n";
import { titleOf, type Patch } from "./patch";

/** How a word is coloured; the colour never says more than the word. */
export type Tone = "success" | "info" | "warning" | "danger" | "neutral";

export interface Word {
  word: string;
  tone: Tone;
}

type Table = Record<string, [string, Tone]>;

const STATES: Table = {
  "unknown": [N_("Unknown"), "warning"],
  "not-applied": [N_("Not applied"), "neutral"],
  "deactivated": [N_("Deactivated"), "info"],
  "active": [N_("Active"), "success"],
  "accepted": [N_("Accepted"), "success"],
};

const SEVERITIES: Table = {
  "": [N_("Not rated"), "neutral"],
  "low": [N_("Low"), "info"],
  "medium": [N_("Medium"), "warning"],
  "high": [N_("High"), "warning"],
  "critical": [N_("Critical"), "danger"],
};

const PROCESSES: Table = {
  "patched": [N_("Patched"), "success"],
  "unpatched": [N_("Not patched"), "neutral"],
  "pending": [N_("Pending"), "warning"],
  "unpatchable": [N_("Can’t be patched"), "danger"],
  "failed": [N_("Failed"), "danger"],
  "unchanged": [N_("Unchanged"), "neutral"],
  "gone": [N_("Ended"), "neutral"],
  "rolled-back": [N_("Taken back"), "info"],
};

const FINDINGS: Table = {
  "ok": [N_("All right"), "success"],
  "info": [N_("To know"), "info"],
  "warning": [N_("Warning"), "warning"],
  "error": [N_("Error"), "danger"],
};

const RESULTS: Table = {
  "succeeded": [N_("Done"), "success"],
  "unchanged": [N_("Nothing to do"), "neutral"],
  "failed": [N_("Failed"), "danger"],
  "denied": [N_("Not authorised"), "warning"],
  "rolled-back": [N_("Taken back"), "info"],
};

const PROBLEMS: Record<string, [string, string]> = {
  "processes-unpatched": [
    N_("Some processes run the target without the patch."),
    N_("The page “Processes” says which and why. “Activate” tries it again; those that can’t be patched must be restarted."),
  ],
  "transition-pending": [
    N_("The kernel hasn’t switched all tasks over yet."),
    N_("It goes on by itself. Tasks that hold it up are on the page “Processes”."),
  ],
  "not-loaded": [
    N_("The patch should be in effect, but the running kernel doesn’t have it."),
    N_("It could not be loaded when the machine started. “Activate” tries it again and says what hinders it."),
  ],
  "target-changed": [
    N_("The file on disk is another build than the one that the patch is for."),
    N_("Probably the package was upgraded. Restart the program, then remove and uninstall the patch."),
  ],
  "target-missing": [
    N_("The file that the patch is for isn’t on this machine."),
    N_("Install the package that it belongs to, or uninstall the patch."),
  ],
  "conflict": [
    N_("Something else changed the same code."),
    N_("Find out which tool did (a debugger, a tracer, another patch) and end it."),
  ],
  "overridden": [
    N_("A later patch replaces the same functions and stands on top."),
    N_("Nothing needs to be done. To take this patch away, remove the later one first."),
  ],
  "digest-mismatch": [
    N_("The patch’s files aren’t the ones that were installed."),
    N_("Don’t use it. Uninstall it and install it again from where it came."),
  ],
  "untrusted": [
    N_("The patch isn’t signed by a key that this machine trusts."),
    N_("Ask whoever made it for a signed one, or let the administrator add the key."),
  ],
  "bundle-missing": [
    N_("Processes run this patch, but its files are gone."),
    N_("Install the patch again to be able to manage it."),
  ],
  "foreign": [
    N_("Something else than this service loaded this patch into the kernel."),
    N_("It can only be looked at here. To take it away, use the tool that loaded it."),
  ],
};

/** Problems that mean something else for a kernel patch. */
const KERNEL_PROBLEMS: typeof PROBLEMS = {
  "target-changed": [
    N_("The patch is for another kernel than the one that runs."),
    N_("Install the patch for the running kernel, or boot the one that this patch is for."),
  ],
};

const PHASES: Record<string, string> = {
  "scan": N_("Looking for processes"),
  "check": N_("Checking"),
  "place": N_("Placing the new code"),
  "switch": N_("Switching over"),
  "undo": N_("Undoing what was done"),
  "record": N_("Writing it down"),
};

/** By the word before the colon. */
const TROUBLES: Record<string, string> = {
  "settings": N_("There is a mistake in the service’s settings"),
  "bundle": N_("A folder in the patch directory isn’t a sound patch"),
  "state": N_("A damaged state file was moved aside"),
  "polkit": N_("Nobody can be authorised: polkit doesn’t answer"),
  "restore": N_("An accepted patch could not be restored"),
  "processes": N_("Some processes can’t be read"),
  "key": N_("A file among the trusted keys is no key"),
  "gate": N_("New processes of a patched target may run its old code"),
  "net": N_("Calls that still go into old code can’t be caught"),
  "events": N_("Programs and libraries can’t be watched as they are loaded"),
  "bundle-missing": N_("Processes run a patch whose files are gone"),
};

const lookUp = (table: Table, word: string): Word =>
  table[word] ? { word: _(table[word][0]), tone: table[word][1] } : { word, tone: "neutral" };

export const stateWord = (state: string): Word => lookUp(STATES, state);
export const severityWord = (severity: string): Word => lookUp(SEVERITIES, severity);
export const processWord = (status: string): Word => lookUp(PROCESSES, status);
export const findingWord = (severity: string): Word => lookUp(FINDINGS, severity);
export const resultWord = (result: string): Word => lookUp(RESULTS, result);
export const kindWord = (kind: string): string => kind === "kernel" ? _("Kernel") : _("Program or library");

export function problemWords(problem: string, kind: string): { sentence: string; advice: string } {
  const row = (kind === "kernel" && KERNEL_PROBLEMS[problem]) || PROBLEMS[problem];
  return row ? { sentence: _(row[0]), advice: _(row[1]) } : { sentence: problem, advice: "" };
}

/** What a job does just now. */
export function phaseWords(phase: string, state: string): string {
  if (state === "queued")
    return _("Waiting for its turn");
  if (state === "cancelling")
    return _("Cancelling");
  if (PHASES[phase])
    return _(PHASES[phase]);
  return phase || _("Working");
}

/** A reason of Manager.Degraded: "WORD: sentence". */
export function troubleWords(trouble: string): string {
  const colon = trouble.indexOf(":");
  const known = TROUBLES[colon < 0 ? trouble : trouble.slice(0, colon)];
  if (!known)
    return trouble;
  return colon < 0 ? _(known) : _("%s: %s", _(known), trouble.slice(colon + 1).trim());
}

function activeSummary(patch: Patch): string {
  const total = patch.processesTotal;
  // The state is the same whichever way the kernel is switching; the job that does it says which.
  if (patch.kind === "kernel") {
    if (patch.problems.includes("transition-pending"))
      return _("The running kernel is switching its tasks over.");
    return patch.problems.includes("target-changed") || patch.problems.includes("not-loaded")
      ? _("The running kernel doesn’t have the new code.") : _("The running kernel uses the new code.");
  }
  if (total === 0)
    return _("Nothing runs the target now; new processes get the new code at their start.");
  if (patch.processesPatched >= total)
    return ngettext("The new code runs in the only process of the target.",
                    "The new code runs in all %u processes of the target.", total, total);
  return ngettext("The new code runs in %u of %u processes of the target.",
                  "The new code runs in %u of %u processes of the target.", total, patch.processesPatched, total);
}

/** One or two sentences: what runs now, and what after a reboot. */
export function summaryOf(patch: Patch): string {
  switch (patch.state) {
    case "active":
      return `${activeSummary(patch)} ${_("After a reboot the patch is gone unless it is accepted.")}`;
    case "accepted":
      return `${activeSummary(patch)} ${_("The patch comes back after a reboot.")}`;
    case "deactivated":
      return _("The patch is loaded, but the original code runs.");
    case "not-applied":
      return _("The original code runs.");
    default:
      return _("The service can’t tell at the moment: it couldn’t read the processes.");
  }
}

/** The last moment that JavaScript's dates can tell, in microseconds. */
const LAST_MOMENT = 8.64e18;

/** A moment in microseconds since the epoch, local time; "" for 0. One that no calendar has is told as the number that came. */
export function timeWords(moment: number): string {
  if (!moment)
    return "";
  if (!(Math.abs(moment) <= LAST_MOMENT))
    return String(moment);
  const language = cockpit ? cockpit.language.replace("_", "-") : "en";
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" }).format(new Date(moment / 1000));
}

/** "HP001 · toy" or "3 patches". */
export const patchesWords = (patches: Patch[]): string =>
  patches.length === 1 ? titleOf(patches[0]) : ngettext("%u patch", "%u patches", patches.length, patches.length);
