// SPDX-License-Identifier: GPL-2.0-or-later
// Tells Cockpit's shell, which shows it in the menu and on the overview, when something needs attention.
import cockpit from "./cockpit";
import type { Snapshot } from "./bus/store";
import { _, ngettext } from "./i18n";
import { troubleWords } from "./model/words";

interface Status {
  type: "warning" | "error" | "info";
  title: string;
}

/** What needs attention, the most important only; null: nothing. */
export function statusOf(snapshot: Snapshot): Status | null {
  if (snapshot.service === "stopped" || snapshot.service === "failed")
    return { type: "warning", title: _("The patch service isn’t running") };
  if (!snapshot.patches || !snapshot.complete)
    return null;
  const bad = [...snapshot.patches.values()].filter(patch => patch.problems.length > 0).length;
  if (bad > 0)
    return { type: "warning", title: ngettext("%u patch has a problem", "%u patches have problems", bad, bad) };
  if (snapshot.degraded.length > 0)
    return { type: "warning", title: troubleWords(snapshot.degraded[0]) };
  return null;
}

let told = "";

export function tellShell(snapshot: Snapshot): void {
  const status = statusOf(snapshot);
  const text = JSON.stringify(status);
  if (text === told)
    return;
  told = text;
  // The shell takes this control message for the page that sent it.
  cockpit.transport.control("notify", { page_status: status });
}
