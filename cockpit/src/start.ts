// SPDX-License-Identifier: GPL-2.0-or-later
// Asks the service before the views are read: a script of its own, so small that the browser runs it while it still fetches them. Cockpit's
// own pages begin at the same time and keep the bridge busy: what is asked first is answered first.
import { Store } from "./bus/store";

declare global {
  interface Window {
    /** What start.js leaves to index.js. */
    syscareStore?: Store;
  }
}

window.syscareStore = new Store();
