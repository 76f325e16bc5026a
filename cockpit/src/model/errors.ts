// SPDX-License-Identifier: GPL-2.0-or-later
// Errors of the bus in plain sentences; the details keep the service's own words. One table; the desktop window has the same words.
import type { Problem } from "../cockpit";
import { _, N_ } from "../i18n";
import { harmless } from "./patch";

export type FailureKind = "real" | "cancelled" | "not-authorised";

export interface Failure {
  kind: FailureKind;
  /** D-Bus error name, or Cockpit's own word. */
  name: string;
  sentence: string;
  advice: string;
  /** The service's own words: what and where. */
  detail: string;
}

interface Row {
  sentence: string;
  advice: string;
  kind?: FailureKind;
}

/** Whoever sits at the page without administrative access: Cockpit answers no password prompts for a page's calls. */
const NEEDS_ACCESS: Row = {
  sentence: N_("This needs administrative access."),
  advice: N_("Turn it on at the top of the page, or let an administrator allow it to you with a polkit rule."),
  kind: "not-authorised",
};

const FAILED = "Failed";

/** By the last part of the error's name. */
const TABLE: Record<string, Row> = {
  Failed: { sentence: N_("Something outside the service went wrong."), advice: N_("The details say what.") },
  Ambiguous: { sentence: N_("More than one patch fits."), advice: N_("Choose one of them.") },
  InvalidState: { sentence: N_("The patch’s state doesn’t allow this."), advice: N_("It may have changed a moment ago; look again.") },
  Changed: { sentence: N_("The patches changed while you were deciding, so nothing was done."), advice: N_("Look again and repeat it.") },
  Busy: { sentence: N_("Somebody else is working on the same target."), advice: N_("Wait until that job has ended.") },
  Cancelled: { sentence: N_("The job was cancelled and what it had done was undone."), advice: "", kind: "cancelled" },
  NotCancelable: { sentence: N_("The job can’t be cancelled any more."), advice: N_("It will end in a moment.") },
  PatchCorrupt: { sentence: N_("The patch’s files are damaged."), advice: N_("Get the patch again from where it came.") },
  Untrusted: { sentence: N_("The patch isn’t signed by a key that this machine trusts."), advice: N_("Ask whoever made it for a signed one, or let the administrator add the key.") },
  TargetMismatch: { sentence: N_("The target is another build than the one that the patch is for."), advice: N_("Get the patch for the installed version.") },
  TargetMissing: { sentence: N_("The target isn’t on this machine."), advice: N_("Install the package that the patch is for.") },
  Conflict: { sentence: N_("Something else changed the same code."), advice: N_("Find out which tool did (a debugger, a tracer, another patch) and end it.") },
  Overridden: { sentence: N_("A later patch stands on top of this one."), advice: N_("Remove the later patch first.") },
  KernelUnsupported: { sentence: N_("The running kernel lacks a feature that is needed."), advice: N_("The details name the feature.") },
  ModuleRejected: { sentence: N_("The kernel refused the patch’s module."), advice: N_("The kernel’s log says why.") },
  TransitionTimeout: { sentence: N_("The kernel didn’t switch all tasks in time."), advice: N_("The page “Processes” names the tasks that held it up. Try again later.") },
  ProcessBusy: { sentence: N_("A process didn’t leave the old functions in time."), advice: N_("Try again when it is less busy. The page “Processes” names the thread and the function.") },
  ProcessGone: { sentence: N_("The process ended meanwhile."), advice: N_("Look again.") },
  PartlyApplied: { sentence: N_("Some processes carry the patch, some don’t."), advice: N_("The page “Processes” says which and why.") },
  RollbackFailed: { sentence: N_("It failed, and undoing it failed too."), advice: N_("Look at the processes at once: the details name them.") },
  StateCorrupt: { sentence: N_("The service’s records can’t be read."), advice: N_("The service’s log names the file.") },
  NotSupported: { sentence: N_("That can’t be done on this machine."), advice: N_("The details say why.") },
  InvalidArgs: { sentence: N_("The service didn’t understand the request."), advice: N_("The window and the service may be of different versions.") },
  UnknownMethod: { sentence: N_("The service didn’t understand the request."), advice: N_("The window and the service may be of different versions.") },
  LimitsExceeded: { sentence: N_("Too much at once: the service refused it."), advice: N_("Wait until other jobs have ended.") },
  UnknownObject: { sentence: N_("The patch or job isn’t there any more."), advice: N_("Look again.") },
  ServiceUnknown: { sentence: N_("The patch service isn’t running."), advice: N_("Start it and repeat it.") },
  NoReply: { sentence: N_("The patch service didn’t answer."), advice: N_("It may have been restarted; look again.") },
  Disconnected: { sentence: N_("The connection to the patch service is gone."), advice: N_("It may have been restarted; look again.") },  AccessDenied: NEEDS_ACCESS,
  AuthFailed: NEEDS_ACCESS,
  InteractiveAuthorizationRequired: NEEDS_ACCESS,
};

/** Cockpit's words for a channel that is gone, as the bus would say it. */
const CHANNEL_WORDS: Record<string, string> = {
  "access-denied": "AccessDenied",
  "not-found": "ServiceUnknown",
  "disconnected": "Disconnected",
  "terminated": "Disconnected",
  "timeout": "NoReply",
};

export function failureFrom(name: string, detail: string): Failure {
  const last = name.slice(name.lastIndexOf(".") + 1);
  const row = TABLE[last] ?? TABLE[FAILED];
  return { kind: row.kind ?? "real", name, sentence: _(row.sentence), advice: row.advice ? _(row.advice) : "", detail: harmless(detail) };
}

/** What a refused call says; anything else that was thrown is told as it is. */
export function failureFromProblem(problem: unknown): Failure {
  const { name, problem: word, message } = (problem ?? {}) as Problem;
  return failureFrom(name || CHANNEL_WORDS[word ?? ""] || word || FAILED, message ?? "");
}
