// SPDX-License-Identifier: GPL-2.0-or-later
// Starts the page inside Cockpit's frame.
import "@patternfly/patternfly/patternfly-base.css";
import "./page.css";
import { createRoot } from "react-dom/client";
import cockpit from "./cockpit";
import { _ } from "./i18n";
import { Operations } from "./bus/operations";
import type {} from "./start";
import { followTheme } from "./theme";
import { App } from "./view/app";
import { PageContext } from "./view/context";

const element = document.getElementById("app");
if (!element)
  throw new Error("index.html has no #app");

document.documentElement.lang = cockpit.language.replace("_", "-");
if (cockpit.language_direction)
  document.documentElement.dir = cockpit.language_direction;
document.title = _("Hot Patches");
followTheme();

const store = window.syscareStore;
if (!store)
  throw new Error("start.js has not run");
createRoot(element).render(
  <PageContext.Provider value={{ store, operations: new Operations(store) }}>
    <App />
  </PageContext.Provider>,
);
