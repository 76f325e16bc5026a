// SPDX-License-Identifier: GPL-2.0-or-later
// The way to the service: follows who owns its name and which access the user has, and opens a channel anew whenever one
// of them changes. A channel outlives its service with stale values, so none is used across a change of owner.
import cockpit, { type DBusClient, type Dictionary, type Problem, type Subscription } from "../cockpit";
import { MANAGER, NAME, OBJECT_MANAGER, PATH, PROPERTIES } from "./names";

export type ServiceState = "connecting" | "ready" | "stopped" | "missing" | "incompatible" | "failed" | "no-bus";

const BUS = "org.freedesktop.DBus";
const BUS_PATH = "/org/freedesktop/DBus";
const SUPERUSER = "cockpit.Superuser";
const SUPERUSER_PATH = "/superuser";
const RETRY_MSEC = 3000;

/** What the connection tells its owner. */
export interface Listener {
  /** The service is there or not; @problem says more where there is more. */
  state(state: ServiceState, problem?: Problem): void;
  /** A new channel is open: everything is to be read through it. */
  opened(): void;
  /** Whether the user has administrative access; null: not known yet. */
  access(allowed: boolean | null): void;
  signal(path: string, iface: string, member: string, args: unknown[]): void;
  /** The rules of polkit changed. */
  rulesChanged(): void;
}

export class Connection {
  private bus: DBusClient | null = null;
  private service: DBusClient | null = null;
  private subscriptions: Subscription[] = [];
  private owner: string | null = null;
  private startWasTried = false;
  private restIsFollowed = false;
  private tellAsked: () => void = () => undefined;
  private readonly asked = new Promise<void>(resolve => {
    this.tellAsked = resolve;
  });
  private tellOpening: () => void = () => undefined;
  /** Until the next channel is open. */
  private opening = Promise.resolve();
  private allowed: boolean | null = null;
  private accessIsKnown = false;

  constructor(private readonly listener: Listener) {}

  start(): void {
    // First, and without knowing whether there is a service: the question would be one more way through Cockpit's bridge and the bus.
    this.open();
    this.followOwner();
  }

  /** What can wait for the first answer, and would only delay it: whoever is asked through Cockpit's bridge stands in one queue. */
  private followRest(): void {
    if (this.restIsFollowed)
      return;
    this.restIsFollowed = true;
    this.followAccess();
    this.followRules();
  }

  /** The service's own name on the bus, which no other run of it has; "" while there is none. */
  get ownerName(): string {
    return this.owner ?? "";
  }

  /** Whether the service runs, once that is known: what a call fails with says nothing about a service that isn't there. */
  async isThere(): Promise<boolean> {
    await this.asked;
    return this.owner !== null;
  }

  /** Calls a method of the service; refused calls and lost channels are thrown as a Problem. */
  async call(path: string, iface: string, method: string, args: unknown[], type?: string): Promise<unknown[]> {
    if (!this.service)
      throw { name: `${BUS}.Error.ServiceUnknown`, message: "" } satisfies Problem;
    try {
      return await this.service.call(path, iface, method, args, type ? { type } : {});
    } finally {
      this.followRest();
    }
  }

  /** The same for a question, which may be asked twice: again when its channel was replaced by another to the same service before the answer
   * came. */
  async ask(path: string, iface: string, method: string, args: unknown[], type?: string): Promise<unknown[]> {
    const owner = this.owner;
    for (;;) {
      const service = this.service;
      try {
        return await this.call(path, iface, method, args, type);
      } catch (problem) {
        if (!service || (problem as Problem).name || this.service === service)
          throw problem;
        if (!this.service)
          await this.opening;
        if (owner && this.owner !== owner)
          throw problem; // another run of the service counts its jobs anew
      }
    }
  }

  async properties(path: string, iface: string): Promise<Dictionary> {
    const [values] = await this.ask(path, PROPERTIES, "GetAll", [iface], "s");
    return values as Dictionary;
  }

  /** Asks the bus to start the service; says how it ended by the state. */
  async startService(): Promise<void> {
    this.listener.state("connecting");
    try {
      await this.bus?.call(BUS_PATH, BUS, "StartServiceByName", [NAME, 0], { type: "su" });
    } catch (problem) {
      await this.tellAbsence(problem as Problem);
    }
  }

  // ------------------------------------------------------------------------------------------------- access

  private followAccess(): void {
    // By a proxy: the bridge of Cockpit 287 forwards no signals of its own objects to subscriptions.
    const superuser = cockpit.dbus(null, { bus: "internal" }).proxy(SUPERUSER, SUPERUSER_PATH);
    const take = (): void => this.setAccess(superuser.Current ?? "none");
    superuser.addEventListener("changed", take);
    superuser.wait(take);
  }

  private setAccess(current: string): void {
    const allowed = current === "init" ? null : current !== "none";
    if (allowed === this.allowed)
      return;
    // A channel that was opened before this was known is an unprivileged one, as it should be without access: nothing is read twice.
    const asOpened = !this.accessIsKnown && allowed === false;
    this.allowed = allowed;
    this.accessIsKnown = true;
    this.listener.access(allowed);
    if ((this.owner || this.service) && !asOpened)
      this.open();
  }

  // ------------------------------------------------------------------------------------------------- owner

  private followOwner(): void {
    const bus = cockpit.dbus(BUS, { bus: "system" });
    this.bus = bus;
    bus.addEventListener("close", (_event, problem) => {
      if (this.bus !== bus)
        return;
      this.setOwner(null);
      this.listener.state("no-bus", problem);
      window.setTimeout(() => this.followOwner(), RETRY_MSEC);
    });
    bus.subscribe({ path: BUS_PATH, interface: BUS, member: "NameOwnerChanged", arg0: NAME }, (_path, _iface, _signal, args) => {
      if (args[0] !== NAME)
        return;
      this.setOwner(args[2] as string || null);
      if (!this.owner)
        this.tellAbsence({});
    });
    bus.call(BUS_PATH, BUS, "GetNameOwner", [NAME], { type: "s" })
      .then(reply => this.beginWithOwner(reply[0] as string), (problem: Problem) => this.beginWithoutOwner(problem));
  }

  /** A channel that is open already was opened to this owner: a later one would have been told. */
  private beginWithOwner(owner: string): void {
    this.tellAsked();
    if (!this.owner && this.service) {
      this.owner = owner;
      this.startWasTried = true;
    } else {
      this.setOwner(owner);
    }
  }

  private beginWithoutOwner(problem: Problem): void {
    this.tellAsked();
    this.followRest();
    if (problem.problem && !problem.name)
      return; // the channel's end is told by its event
    this.shut();
    // Once, at the beginning: afterwards an administrator may have stopped it on purpose.
    if (this.startWasTried)
      this.tellAbsence(problem);
    else
      this.startService();
    this.startWasTried = true;
  }

  private setOwner(owner: string | null): void {
    if (owner === this.owner)
      return;
    this.owner = owner;
    if (owner) {
      this.startWasTried = true;
      this.open();
    } else {
      this.shut();
    }
  }

  /** The service isn't there: is it stopped, or not installed at all? */
  private async tellAbsence(problem: Problem): Promise<void> {
    let known = false;
    try {
      const reply = await this.bus?.call(BUS_PATH, BUS, "ListActivatableNames", [], { type: "" });
      known = ((reply?.[0] ?? []) as string[]).includes(NAME);
    } catch {
      return; // the bus itself is gone, which its channel tells
    }
    if (!this.owner)
      this.listener.state(known ? "stopped" : "missing", problem);
  }

  // ------------------------------------------------------------------------------------------------- channel

  private shut(): void {
    this.subscriptions.forEach(subscription => subscription.remove());
    this.subscriptions = [];
    this.service?.close();
    this.service = null;
  }

  private open(): void {
    this.shut();
    this.listener.state("connecting");
    const service = cockpit.dbus(NAME, { bus: "system", superuser: "try" });
    this.service = service;
    this.tellOpening();
    this.opening = new Promise<void>(resolve => {
      this.tellOpening = resolve;
    });
    service.addEventListener("close", (_event, problem) => {
      if (this.service !== service)
        return;
      // The privileged bridge was ended under it, say; a changed access opens it anew as well.
      this.service = null;
      this.listener.state("connecting", problem);
      window.setTimeout(() => this.owner && !this.service && this.open(), RETRY_MSEC / 10);
    });
    const hear = (path: string, iface: string, member: string, args: unknown[]): void => {
      if (this.service === service)
        this.listener.signal(path, iface, member, args);
    };
    this.subscriptions = [
      service.subscribe({ path_namespace: PATH, interface: PROPERTIES, member: "PropertiesChanged" }, hear),
      service.subscribe({ path: PATH, interface: OBJECT_MANAGER }, hear),
      service.subscribe({ path: PATH, interface: MANAGER }, hear),
    ];
    this.listener.opened();
  }

  private followRules(): void {
    const polkit = cockpit.dbus("org.freedesktop.PolicyKit1", { bus: "system" });
    polkit.subscribe({ interface: "org.freedesktop.PolicyKit1.Authority", member: "Changed" }, () => this.listener.rulesChanged());
    polkit.addEventListener("close", () => undefined); // without polkit nobody may do anything, which CanPerform tells
  }
}
