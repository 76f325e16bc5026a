// SPDX-License-Identifier: GPL-2.0-or-later
// What the user asks the service to do: from the call to the job's end. Must not know how it is asked or told.
import type { Dictionary, Problem } from "../cockpit";
import { failureFrom, failureFromProblem, type Failure } from "../model/errors";
import { processFrom, resultsFrom, type Job, type ProcessResult, type Result } from "../model/job";
import { detailsFromProperties, isAsSeen, newPatch, number, patchWithChanges, text, variant, type Patch, type PatchDetails, type Seen } from "../model/patch";
import { VERBS, callsBack, fits, type Call, type Verb } from "../model/verbs";
import { JOB, MANAGER, MOST_AT_ONCE, PATCH, PATH } from "./names";
import { allPending } from "./pending";
import type { Store } from "./store";
import type { Upload } from "./upload";

export interface Outcome {
  failure: Failure | null;
  results: Result[];
  changed: boolean;
}

export interface Finding {
  path: string;
  severity: string;
  message: string;
  pid: number;
  command: string;
  detail: string;
}

export interface HistoryRecord {
  time: number;
  uid: number;
  loginUid: number;
  verb: string;
  patch: string;
  name: string;
  reason: string;
  result: string;
  message: string;
}

export interface RunningProcess extends ProcessResult {
  uid: number;
  unit: string;
  container: string;
}

/** For one verb: the patches it can be done to now, and why not when there are none. */
export interface Permission {
  fit: Patch[];
  /** "" when it may be done; else "state" or a word as CanPerform has it, or "error". */
  refusal: "" | "state" | "challenge" | "no" | "too-many" | "error";
}

/** Told the path of a job as soon as there is one. */
export type Begun = (job: string) => void;

const PAGE = 1000;
const CHANGED = "org.openeuler.SysCare1.Error.Changed";
const MOST_ATTEMPTS = 5;

export class Operations {
  /** Jobs that this page started; what others do is told in other words. */
  private readonly own = new Set<string>();
  private calling = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly store: Store) {}

  /** Whether @job is one of ours, also of this page before it was loaded anew; waits for calls on their way, since a short job may end before its call is answered. */
  async isOwn(job: Job): Promise<boolean> {
    while (this.calling > 0)
      await new Promise<void>(resolve => this.waiting.push(resolve));
    return this.own.has(job.path) || allPending().some(one => one.job === job.path);
  }

  private async start(method: string, args: unknown[], type: string): Promise<string> {
    this.calling++;
    try {
      const [path] = await this.store.connection.call(PATH, MANAGER, method, args, type);
      this.own.add(path as string);
      return path as string;
    } finally {
      this.calling--;
      if (this.calling === 0)
        this.waiting.splice(0).forEach(resolve => resolve());
    }
  }

  /** Until the job has ended; a failed one has an outcome with its failure, it throws nothing. */
  private async finish(path: string): Promise<Outcome> {
    try {
      const [rows] = await this.store.connection.ask(path, JOB, "Wait", [{}], "a{sv}");
      const results = resultsFrom(rows as Dictionary[]);
      return { failure: null, results, changed: results.some(result => result.result === "succeeded") };
    } catch (problem) {
      const failure = failureFromProblem(problem);
      try {
        const values = await this.store.connection.properties(path, JOB);
        const rows = values.Results?.v;
        return { failure, results: resultsFrom(Array.isArray(rows) ? rows as Dictionary[] : []), changed: false };
      } catch {
        return { failure, results: [], changed: false };
      }
    }
  }

  private async run(method: string, args: unknown[], type: string, begun?: Begun): Promise<Outcome> {
    let path: string;
    try {
      path = await this.start(method, args, type);
      begun?.(path);
    } catch (problem) {
      return { failure: failureFromProblem(problem), results: [], changed: false };
    }
    return this.finish(path);
  }

  /** How a job ended, or will, that this page began before it was loaded anew; null when the service doesn't know it any more. */
  async resume(path: string): Promise<Outcome | null> {
    const outcome = await this.finish(path);
    return outcome.failure?.name.startsWith("org.freedesktop.DBus.Error.") ? null : outcome;
  }

  /** The generation at which the patches are still as they were @seen; null when one of them isn't. */
  private async generationOf(seen: Seen[]): Promise<number | null> {
    // In this order, and on one channel: what changes after the first answer makes the generation another one.
    const manager = this.store.connection.properties(PATH, MANAGER);
    const present = await Promise.all(seen.map(({ path }) => this.store.connection.properties(path, PATCH).catch((problem: Problem) => {
      if (problem.name?.endsWith(".UnknownObject") || problem.name?.endsWith(".UnknownMethod") || problem.name?.endsWith(".UnknownInterface"))
        return null; // it was taken away
      throw problem;
    })));
    const generation = number(await manager, "Generation");
    return present.every((values, index) => values && isAsSeen(seen[index], patchWithChanges(newPatch(seen[index].path), values))) ? generation : null;
  }

  /** Calls @method for patches as they were @seen: a decision about what has changed meanwhile is refused. */
  private async runOnSeen(method: string, args: unknown[], type: string, seen: Seen[], options: Dictionary, begun?: Begun): Promise<Outcome> {
    for (let attempt = 1; ; attempt++) {
      let generation: number | null;
      try {
        generation = await this.generationOf(seen);
      } catch (problem) {
        return { failure: failureFromProblem(problem), results: [], changed: false };
      }
      if (generation === null)
        return { failure: failureFrom(CHANGED, ""), results: [], changed: false };
      const expected = Number.isSafeInteger(generation) ? { "expected-generation": variant("t", generation) } : {};
      const outcome = await this.run(method, [...args, { ...options, ...expected }], type, begun);
      // It also grows with what others do to other patches, and with processes that come and go.
      if (outcome.failure?.name !== CHANGED || attempt === MOST_ATTEMPTS)
        return outcome;
    }
  }

  private submit(call: Call, seen: Seen[], reason = "", begun?: Begun): Promise<Outcome> {
    const options = {
      ...(call.loadOnly ? { activate: variant("b", false) } : {}),
      ...(reason ? { reason: variant("s", reason) } : {}),
    };
    return this.runOnSeen("Submit", [call.verb, call.paths], "saoa{sv}", seen, options, begun);
  }

  /** @patches: as the user saw them when deciding. @reason is kept in the journal and in the history; "" for none. */
  perform(verb: Verb, patches: Patch[], reason = "", begun?: Begun): Promise<Outcome> {
    return this.submit({ verb, paths: patches.map(patch => patch.path) }, patches, reason, begun);
  }

  /** Brings the patches from the states that an action led to back to the states in @before (by path); null when they are there already. What
   * somebody else has changed since is left alone: that is a failure. */
  async undo(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): Promise<Outcome | null> {
    const known = this.store.snapshot().patches;
    const states = new Map([...before].map(([path, state]) => [path, after.get(path) ?? known?.get(path)?.state ?? state]));
    const calls = callsBack([...before].map(([path, state]) => ({ path, now: states.get(path) ?? state, before: state })));
    let outcome: Outcome | null = null;
    for (const call of calls) {
      outcome = await this.submit(call, call.paths.map(path => ({ path, state: states.get(path) ?? "" })));
      if (outcome.failure)
        break;
      for (const result of outcome.results)
        states.set(result.path, result.state);
    }
    return outcome;
  }

  uninstall(patches: Patch[], begun?: Begun): Promise<Outcome> {
    return this.runOnSeen("Uninstall", [patches.map(patch => patch.path)], "aoa{sv}", patches, {}, begun);
  }

  /** Installs an uploaded file; the copy is gone afterwards, however it ends. */
  async install(copy: Upload, begun?: Begun): Promise<Outcome> {
    try {
      return await this.run("Install", [copy.path, {}], "sa{sv}", begun);
    } finally {
      await copy.remove();
    }
  }

  async cancel(job: Job): Promise<Failure | null> {
    try {
      await this.store.connection.call(job.path, JOB, "Cancel", [{}], "a{sv}");
      return null;
    } catch (problem) {
      return failureFromProblem(problem);
    }
  }

  async rescan(): Promise<Failure | null> {
    try {
      await this.store.connection.call(PATH, MANAGER, "Rescan", [{}], "a{sv}");
      this.store.reloadSoon();
      return null;
    } catch (problem) {
      return failureFromProblem(problem);
    }
  }

  // ------------------------------------------------------------------------------------------------- questions

  async check(verb: Verb, patches: Patch[]): Promise<Finding[]> {
    const [rows] = await this.store.connection.ask(PATH, MANAGER, "Check", [verb, patches.map(patch => patch.path), {}], "saoa{sv}");
    return (rows as Dictionary[]).map(row => ({
      path: text(row, "Patch"), severity: text(row, "Severity", "info"), message: text(row, "Message"), pid: number(row, "Pid"),
      command: text(row, "Command"), detail: text(row, "Detail"),
    }));
  }

  /** What the user may do now with @patches, for every verb. Never prompts. */
  async permissions(patches: Patch[]): Promise<Map<Verb, Permission>> {
    const answers = await Promise.all(VERBS.map(verb => this.permission(verb, patches)));
    return new Map(VERBS.map((verb, index) => [verb, answers[index]]));
  }

  private async permission(verb: Verb, patches: Patch[]): Promise<Permission> {
    const fit = patches.filter(patch => fits(verb, patch) && !patch.job);
    if (fit.length === 0)
      return { fit, refusal: "state" };
    if (fit.length > MOST_AT_ONCE)
      return { fit, refusal: "too-many" };
    let words: string[];
    try {
      const [reply] = await this.store.connection.ask(PATH, MANAGER, "CanPerform", [verb, fit.map(patch => patch.path), {}], "saoa{sv}");
      words = reply as string[];
    } catch {
      return { fit, refusal: "error" };
    }
    // Nobody can answer a password prompt through Cockpit, so a challenge is a no that administrative access would turn.
    const allowed = fit.filter((_patch, index) => words[index] === "yes");
    if (allowed.length > 0)
      return { fit: allowed, refusal: "" };
    return { fit, refusal: words.includes("challenge") ? "challenge" : words.includes("no") ? "no" : "state" };
  }

  async details(patch: Patch): Promise<PatchDetails> {
    return detailsFromProperties(await this.store.connection.properties(patch.path, PATCH));
  }

  /** Those that need attention first, then by process id. */
  async processes(patch: Patch): Promise<RunningProcess[]> {
    const [rows] = await this.store.connection.ask(patch.path, PATCH, "ListProcesses", [{}], "a{sv}");
    return (rows as Dictionary[])
      .map(row => ({ ...processFrom(row), uid: number(row, "Uid"), unit: text(row, "Unit"), container: text(row, "Container") }))
      .sort((a, b) => Number(a.status === "patched") - Number(b.status === "patched") || a.pid - b.pid);
  }

  /** Newest first; those of one patch, or all. */
  async history(uuid = ""): Promise<HistoryRecord[]> {
    const [rows] = await this.store.connection.ask(PATH, MANAGER, "GetHistory", [0, PAGE, {}], "tua{sv}");
    return (rows as Dictionary[])
      .map(row => ({
        time: number(row, "Time"), uid: number(row, "Uid"), loginUid: number(row, "LoginUid"), verb: text(row, "Verb"),
        patch: text(row, "Patch"), name: text(row, "Name"), reason: text(row, "Reason"), result: text(row, "Result"),
        message: text(row, "ErrorMessage"),
      }))
      .filter(record => uuid === "" || record.patch === uuid);
  }
}
