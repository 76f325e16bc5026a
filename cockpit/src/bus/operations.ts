// SPDX-License-Identifier: GPL-2.0-or-later
// What the user asks the service to do: from the call to the job's end. Must not know how it is asked or told.
import type { Dictionary, Problem } from "../cockpit";
import { failureFrom, failureFromProblem, type Failure } from "../model/errors";
import { processFrom, resultsFrom, type Job, type ProcessResult, type Result } from "../model/job";
import { detailsFromProperties, number, text, variant, type Patch, type PatchDetails } from "../model/patch";
import { VERBS, callsBack, fits, type Call, type Verb } from "../model/verbs";
import { JOB, MANAGER, MOST_AT_ONCE, PATCH, PATH } from "./names";
import type { Store } from "./store";
import { upload } from "./upload";

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

const PAGE = 1000;

export class Operations {
  /** Jobs that this page started; what others do is told in other words. */
  private readonly own = new Set<string>();
  private calling = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly store: Store) {}

  /** Whether @job is one of ours; waits for calls on their way, since a short job may end before its call is answered. */
  async isOwn(job: Job): Promise<boolean> {
    while (this.calling > 0)
      await new Promise<void>(resolve => this.waiting.push(resolve));
    return this.own.has(job.path);
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
      const [rows] = await this.store.connection.call(path, JOB, "Wait", [{}], "a{sv}");
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

  private async run(method: string, args: unknown[], type: string): Promise<Outcome> {
    let path: string;
    try {
      path = await this.start(method, args, type);
    } catch (problem) {
      return { failure: failureFromProblem(problem), results: [], changed: false };
    }
    return this.finish(path);
  }

  private submit(call: Call, reason = ""): Promise<Outcome> {
    const options = {
      ...(call.loadOnly ? { activate: variant("b", false) } : {}),
      ...(reason ? { reason: variant("s", reason) } : {}),
    };
    return this.run("Submit", [call.verb, call.paths, options], "saoa{sv}");
  }

  /** @reason is kept in the journal and in the history; "" for none. */
  perform(verb: Verb, patches: Patch[], reason = ""): Promise<Outcome> {
    return this.submit({ verb, paths: patches.map(patch => patch.path) }, reason);
  }

  /** Brings the patches back to the states in @before (by path); null when they are there already. */
  async undo(before: ReadonlyMap<string, string>): Promise<Outcome | null> {
    const known = this.store.snapshot().patches;
    const calls = callsBack([...before].map(([path, state]) => ({ path, now: known?.get(path)?.state ?? state, before: state })));
    let outcome: Outcome | null = null;
    for (const call of calls) {
      outcome = await this.submit(call);
      if (outcome.failure)
        break;
    }
    return outcome;
  }

  uninstall(patches: Patch[]): Promise<Outcome> {
    return this.run("Uninstall", [patches.map(patch => patch.path), {}], "aoa{sv}");
  }

  /** Uploads @file to this host and installs it; the uploaded copy is gone afterwards, however it ends. */
  async install(file: File): Promise<Outcome> {
    let copy;
    try {
      copy = await upload(file);
    } catch (problem) {
      return { failure: failureFrom("Failed", (problem as Problem).message ?? String(problem)), results: [], changed: false };
    }
    try {
      return await this.run("Install", [copy.path, {}], "sa{sv}");
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
    const [rows] = await this.store.connection.call(PATH, MANAGER, "Check", [verb, patches.map(patch => patch.path), {}], "saoa{sv}");
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
      const [reply] = await this.store.connection.call(PATH, MANAGER, "CanPerform", [verb, fit.map(patch => patch.path), {}], "saoa{sv}");
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
    const [rows] = await this.store.connection.call(patch.path, PATCH, "ListProcesses", [{}], "a{sv}");
    return (rows as Dictionary[])
      .map(row => ({ ...processFrom(row), uid: number(row, "Uid"), unit: text(row, "Unit"), container: text(row, "Container") }))
      .sort((a, b) => Number(a.status === "patched") - Number(b.status === "patched") || a.pid - b.pid);
  }

  /** Newest first; those of one patch, or all. */
  async history(uuid = ""): Promise<HistoryRecord[]> {
    const [rows] = await this.store.connection.call(PATH, MANAGER, "GetHistory", [0, PAGE, {}], "tua{sv}");
    return (rows as Dictionary[])
      .map(row => ({
        time: number(row, "Time"), uid: number(row, "Uid"), loginUid: number(row, "LoginUid"), verb: text(row, "Verb"),
        patch: text(row, "Patch"), name: text(row, "Name"), reason: text(row, "Reason"), result: text(row, "Result"),
        message: text(row, "ErrorMessage"),
      }))
      .filter(record => uuid === "" || record.patch === uuid);
  }
}
