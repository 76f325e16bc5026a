// SPDX-License-Identifier: GPL-2.0-or-later
// One piece of work of the service as the page knows it.
import type { Dictionary } from "../cockpit";
import { jobNumber, number, strings, text } from "./patch";

export interface Job {
  path: string;
  /** Its number as text: it may be beyond what JavaScript's numbers hold exactly. */
  number: string;
  verb: string;
  patches: string[];
  /** 4294967295 while it isn't known. */
  uid: number;
  state: string;
  phase: string;
  done: number;
  /** 0: not known. */
  total: number;
  cancelable: boolean;
  errorName: string;
  errorMessage: string;
}

export interface ProcessResult {
  pid: number;
  command: string;
  status: string;
  reason: string;
  detail: string;
}

/** What a job says of one patch at its end. */
export interface Result {
  path: string;
  name: string;
  /** The patch's state at the job's end. */
  state: string;
  result: string;
  processes: ProcessResult[];
}

export const UNKNOWN_UID = 4294967295;
const ENDED = ["succeeded", "failed", "cancelled"];

export const isEnded = (job: Job): boolean => ENDED.includes(job.state);

/** From 0 to 100; undefined while it isn't known. */
export const percentage = (job: Job): number | undefined =>
  job.total > 0 ? Math.min(100, Math.round(100 * job.done / job.total)) : undefined;

export function newJob(path: string): Job {
  return {
    path, number: jobNumber(path), verb: "", patches: [], uid: UNKNOWN_UID, state: "queued", phase: "", done: 0, total: 0,
    cancelable: false, errorName: "", errorMessage: "",
  };
}

/** @job with the properties that came. */
export function jobWith(job: Job, values: Dictionary): Job {
  return {
    ...job,
    verb: text(values, "Verb", job.verb),
    patches: values.Patches ? strings(values, "Patches") : job.patches,
    uid: number(values, "StartedByUid", job.uid),
    state: text(values, "State", job.state),
    phase: text(values, "Phase", job.phase),
    done: number(values, "Done", job.done),
    total: number(values, "Total", job.total),
    cancelable: values.Cancelable ? values.Cancelable.v === true : job.cancelable,
    errorName: text(values, "ErrorName", job.errorName),
    errorMessage: text(values, "ErrorMessage", job.errorMessage),
  };
}

/** A process of a job's or the history's results, or of ListProcesses. */
export function processFrom(values: Dictionary): ProcessResult {
  return {
    pid: number(values, "Pid"),
    command: text(values, "Command"),
    status: text(values, "Status"),
    reason: text(values, "Reason"),
    detail: text(values, "Detail"),
  };
}

export function resultsFrom(rows: Dictionary[]): Result[] {
  return rows.map(row => ({
    path: text(row, "Patch"),
    name: text(row, "Name"),
    state: text(row, "State"),
    result: text(row, "Result"),
    processes: Array.isArray(row.Processes?.v) ? (row.Processes.v as Dictionary[]).map(processFrom) : [],
  }));
}
