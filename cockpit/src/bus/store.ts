// SPDX-License-Identifier: GPL-2.0-or-later
// All that the page shows, always as the service tells it: patches, jobs, the service's own state. Views read snapshots,
// which never change; a change makes a new one.
import cockpit, { type Dictionary, type Problem } from "../cockpit";
import { _ } from "../i18n";
import { isEnded, jobWith, newJob, type Job } from "../model/job";
import { LIST_PROPERTIES, patchFromRow, patchWithChanges, equalPatches, strings, text, variant, type Patch } from "../model/patch";
import { Connection, type ServiceState } from "./connection";
import { JOB, JOBS, MANAGER, OBJECT_MANAGER, PATCH, PATCHES, PATH, PROPERTIES } from "./names";

export interface Snapshot {
  service: ServiceState;
  /** Why the service isn't there, in the bus's words. */
  problem: string;
  version: string;
  kernel: string;
  degraded: string[];
  /** null: not known yet. */
  access: boolean | null;
  /** By path, sorted as the service sorts them; null until they are read. */
  patches: ReadonlyMap<string, Patch> | null;
  /** Whether @patches are all there are: at first those come that fit on the screen. */
  complete: boolean;
  jobs: ReadonlyMap<string, Job>;
  /** Grows when what the user may do may have changed. */
  permissions: number;
}

const PAGE = 1000;
/** At first what fits on the screen, the rest after that is shown. */
const FIRST_PAGE = 50;
const RELOAD_MSEC = 150;
/** A look at the processes of its own: a process that starts or ends isn't told by anybody. */
const REFRESH_MSEC = 15000;
const INCOMPATIBLE = ["UnknownMethod", "UnknownInterface", "UnknownObject", "UnknownProperty"];

export type JobListener = (job: Job) => void;

export class Store {
  readonly connection: Connection;
  private now: Snapshot = {
    service: "connecting", problem: "", version: "", kernel: "", degraded: [], access: null, patches: null, complete: false, jobs: new Map(),
    permissions: 0,
  };
  private readonly listeners = new Set<() => void>();
  private readonly jobListeners = new Set<JobListener>();
  /** Counts channels: an answer that came through an older one is dropped. */
  private session = 0;
  private reading = false;
  private readAgain = false;
  private reloadTimer = 0;
  /** Counts the manager's signals: Cockpit tells a signal at once but an answer that came before it later, as if it were newer. */
  private managerSignals = 0;
  /** Jobs that ended on this channel: an older answer about one must not bring it back. */
  private readonly ended = new Set<string>();

  constructor() {
    this.connection = new Connection({
      state: (state, problem) => this.setServiceState(state, problem),
      opened: () => this.begin(),
      access: allowed => this.change({ access: allowed, permissions: this.now.permissions + 1 }),
      signal: (path, iface, member, args) => this.take(path, iface, member, args),
      rulesChanged: () => this.change({ permissions: this.now.permissions + 1 }),
    });
    window.setInterval(() => {
      if (!cockpit.hidden && this.now.service === "ready")
        this.read();
    }, REFRESH_MSEC);
    this.connection.start();
  }

  readonly snapshot = (): Snapshot => this.now;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Told once for every job that ends, whoever started it. */
  onJobEnd(listener: JobListener): () => void {
    this.jobListeners.add(listener);
    return () => this.jobListeners.delete(listener);
  }

  private change(changes: Partial<Snapshot>): void {
    this.now = { ...this.now, ...changes };
    this.listeners.forEach(listener => listener());
  }

  /** What the button of a page without service does. */
  startOrRead(): void {
    if (this.now.service === "failed")
      this.begin();
    else
      this.connection.startService();
  }

  private setServiceState(service: ServiceState, problem?: Problem): void {
    if (service !== "ready")
      this.session++;
    // While only the channel is new the list stays as it was; without a service nothing of it is known to be true.
    const gone = !["ready", "connecting"].includes(service);
    this.change({
      service, problem: problem?.message ?? "", jobs: service === "ready" ? this.now.jobs : new Map(),
      ...(gone ? { patches: null, complete: false, degraded: [] } : {}),
    });
  }

  // ------------------------------------------------------------------------------------------------- reading

  private async begin(): Promise<void> {
    const session = ++this.session;
    this.reading = false;
    this.ended.clear();
    // Both at once: each is a way through Cockpit's bridge and the bus.
    const first = this.now.patches ? null : this.list(0, FIRST_PAGE);
    first?.catch(() => undefined); // told when it is awaited, if it still matters then
    try {
      let values: Dictionary;
      let signals: number;
      do {
        signals = this.managerSignals;
        values = await this.connection.properties(PATH, MANAGER);
        if (session !== this.session)
          return;
      } while (signals !== this.managerSignals);
      if (!values.Generation || !values.Degraded || !values.Version) {
        this.setServiceState("incompatible", { message: _("The service says it is version %s.", text(values, "Version")) });
        return;
      }
      this.takeManager(values);
      await this.read(first);
    } catch (thrown) {
      const problem = thrown as Problem;
      if (problem.name && await this.connection.isThere() && session === this.session)
        this.setServiceState(INCOMPATIBLE.some(word => problem.name?.endsWith(word)) ? "incompatible" : "failed", problem);
    }
  }

  private async list(offset: number, limit: number): Promise<Dictionary[]> {
    const [page] = await this.connection.call(PATH, MANAGER, "ListPatches", [
      {}, LIST_PROPERTIES, { offset: variant("u", offset), limit: variant("u", limit) },
    ], "a{sv}asa{sv}");
    return page as Dictionary[];
  }

  /** @first: the first FIRST_PAGE ones, when they were asked for already. */
  private async readPages(first: Promise<Dictionary[]> | null): Promise<Dictionary[]> {
    const session = this.session;
    const rows = first ? await first : [];
    if (session !== this.session || (first && rows.length < FIRST_PAGE))
      return rows;
    if (first)
      this.takeRows(rows, false);
    for (;;) {
      const page = await this.list(rows.length, PAGE);
      rows.push(...page);
      if (page.length < PAGE || session !== this.session)
        return rows;
    }
  }

  /** Reads the list anew; what is the same stays the same object, so that nothing of it is drawn again. */
  private async read(first: Promise<Dictionary[]> | null = null): Promise<void> {
    if (this.reading) {
      this.readAgain = true;
      return;
    }
    const session = this.session;
    this.reading = true;
    this.readAgain = false;
    try {
      const rows = await this.readPages(first);
      if (session !== this.session)
        return;
      this.takeRows(rows, true);
    } catch (thrown) {
      const problem = thrown as Problem;
      if (problem.name && this.now.service !== "ready" && await this.connection.isThere() && session === this.session)
        this.setServiceState("failed", problem);
    } finally {
      if (session === this.session) {
        this.reading = false;
        if (this.readAgain)
          this.reloadSoon();
      }
    }
  }

  private takeRows(rows: Dictionary[], complete: boolean): void {
    const patches = new Map<string, Patch>();
    for (const row of rows) {
      const patch = patchFromRow(row);
      const before = this.now.patches?.get(patch.path);
      patches.set(patch.path, before && equalPatches(before, patch) ? before : patch);
      if (patch.job && !this.now.jobs.has(patch.job))
        this.follow(patch.job);
    }
    const old = this.now.patches;
    const same = old?.size === patches.size && [...patches].every(([path, patch]) => old.get(path) === patch);
    if (!same || this.now.service !== "ready" || this.now.complete !== complete)
      this.change({ service: "ready", problem: "", patches, complete, permissions: this.now.permissions + 1 });
  }

  reloadSoon(): void {
    window.clearTimeout(this.reloadTimer);
    this.reloadTimer = window.setTimeout(() => this.read(), RELOAD_MSEC);
  }

  // ------------------------------------------------------------------------------------------------- signals

  private takeManager(values: Dictionary): void {
    this.change({
      version: text(values, "Version", this.now.version),
      kernel: text(values, "KernelRelease", this.now.kernel),
      degraded: values.Degraded ? strings(values, "Degraded") : this.now.degraded,
    });
  }

  private take(path: string, iface: string, member: string, args: unknown[]): void {
    if (iface === PROPERTIES)
      this.takeProperties(path, args[0] as string, args[1] as Dictionary);
    else if (iface === OBJECT_MANAGER && member === "InterfacesAdded")
      this.takeObject(args[0] as string, (args[1] ?? {}) as Record<string, Dictionary>);
    else if (iface === OBJECT_MANAGER && member === "InterfacesRemoved")
      this.dropObject(args[0] as string);
    else if (iface === MANAGER && member === "JobFinished")
      this.endJob(args[0] as string, { State: variant("s", args[1]), ErrorName: variant("s", args[2]), ErrorMessage: variant("s", args[3]) });
  }

  private takeProperties(path: string, iface: string, values: Dictionary): void {
    if (iface === MANAGER) {
      this.managerSignals++;
      this.takeManager(values);
    } else if (iface === PATCH)
      this.takePatch(path, values);
    else if (iface === JOB && this.now.jobs.has(path))
      this.setJob(jobWith(this.now.jobs.get(path) ?? newJob(path), values));
    else if (iface === JOB && ["queued", "running"].includes(text(values, "State")))
      this.follow(path);
  }

  private takePatch(path: string, values: Dictionary): void {
    if (this.reading)
      this.readAgain = true; // the answer that is on its way may be older than this
    const patch = this.now.patches?.get(path);
    if (!patch || !this.now.patches)
      return;
    const next = patchWithChanges(patch, values);
    if (next === patch)
      return;
    this.change({ patches: new Map(this.now.patches).set(path, next), permissions: this.now.permissions + 1 });
  }

  private takeObject(path: string, interfaces: Record<string, Dictionary>): void {
    if (path.startsWith(PATCHES))
      this.reloadSoon();
    else if (path.startsWith(JOBS) && interfaces[JOB])
      this.setJob(jobWith(newJob(path), interfaces[JOB]));
    else if (path.startsWith(JOBS))
      this.follow(path);
  }

  private dropObject(path: string): void {
    if (path.startsWith(PATCHES))
      this.reloadSoon();
    else
      this.dropJob(path);
  }

  // ------------------------------------------------------------------------------------------------- jobs

  private setJob(job: Job): void {
    if (isEnded(job) || this.ended.has(job.path))
      this.dropJob(job.path);
    else
      this.change({ jobs: new Map(this.now.jobs).set(job.path, job) });
  }

  private dropJob(path: string): void {
    if (!this.now.jobs.has(path))
      return;
    const jobs = new Map(this.now.jobs);
    jobs.delete(path);
    this.change({ jobs });
  }

  private async follow(path: string): Promise<void> {
    const session = this.session;
    try {
      const values = await this.connection.properties(path, JOB);
      if (session === this.session)
        this.setJob(jobWith(newJob(path), values));
    } catch {
      this.dropJob(path); // it ended longer ago than the service remembers
    }
  }

  /** Tells a job's end with all that is known of it: a short one may not have been seen before. */
  private async endJob(path: string, ending: Dictionary): Promise<void> {
    let job = jobWith(this.now.jobs.get(path) ?? newJob(path), ending);
    this.ended.add(path);
    this.dropJob(path);
    try {
      job = jobWith(job, await this.connection.properties(path, JOB));
    } catch {
      // forgotten already: what the signal said is enough
    }
    this.jobListeners.forEach(listener => listener(job));
  }
}
