// SPDX-License-Identifier: GPL-2.0-or-later
// What this page uses of Cockpit's own cockpit.js, with its types. Every host serves that file beside the page; it makes
// the global object "cockpit".

/** A value of D-Bus type v as cockpit.js writes it: its signature and the value itself. */
export interface Variant {
  t: string;
  v: unknown;
}

export type Dictionary = Record<string, Variant>;

/** What a refused call or a closed channel ends with: a D-Bus error's name, or Cockpit's own word in "problem". */
export interface Problem {
  name?: string | null;
  problem?: string | null;
  message?: string;
}

export interface Subscription {
  remove(): void;
}

export interface Match {
  path?: string;
  path_namespace?: string;
  interface?: string;
  member?: string;
  arg0?: string;
}

export interface DBusClient {
  call(path: string, iface: string, method: string, args: unknown[], options?: { type?: string; timeout?: number }): Promise<unknown[]>;
  subscribe(match: Match, callback: (path: string, iface: string, signal: string, args: unknown[]) => void): Subscription;
  addEventListener(event: "close", callback: (event: unknown, problem: Problem) => void): void;
  addEventListener(event: "owner", callback: (event: unknown, owner: string | null) => void): void;
  proxy(iface: string, path: string): SuperuserProxy;
  close(problem?: string): void;
}

/** Cockpit's own object for administrative access, as cockpit.js mirrors it. */
export interface SuperuserProxy {
  /** "none", "init" while it isn't known, or the name of the privileged bridge. */
  Current?: string;
  addEventListener(event: "changed", callback: () => void): void;
  wait(callback: () => void): void;
}

export interface FileHandle {
  replace(content: Uint8Array | string | null): Promise<string>;
  close(): void;
}

export interface Process {
  then<T>(done: (output: string) => T, failed?: (error: Problem) => T): Promise<T>;
  stream(callback: (output: string) => void): Process;
  /** Ends the program's input, after @text. */
  input(text: string): Process;
}

export interface Location {
  path: string[];
  options: Record<string, string | string[]>;
  go(path: string[], options?: Record<string, string>): void;
  replace(path: string[], options?: Record<string, string>): void;
}

interface Cockpit {
  dbus(name: string | null, options: { bus: "system" | "internal"; superuser?: "try" | "require" }): DBusClient;
  file(path: string, options: { binary: true; superuser?: "try" }): FileHandle;
  spawn(command: string[], options: { superuser?: "try"; err?: "message" }): Process;
  gettext(text: string): string;
  ngettext(one: string, many: string, count: number): string;
  language: string;
  language_direction?: string;
  location: Location;
  hidden: boolean;
  transport: { host: string; control(command: string, options: object): void };
  addEventListener(event: "locationchanged" | "visibilitychange", callback: () => void): void;
  removeEventListener(event: "locationchanged" | "visibilitychange", callback: () => void): void;
  user(): Promise<{ id: number; name: string; home: string }>;
}

declare global {
  interface Window {
    cockpit: Cockpit;
  }
}

const cockpit: Cockpit = typeof window === "undefined" ? (undefined as unknown as Cockpit) : window.cockpit;

export default cockpit;
