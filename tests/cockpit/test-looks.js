#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-or-later
// How the page looks and behaves with everything that can be there, beside the mock service: every state, problem and error, light
// and dark, narrow, Chinese, right to left, by keyboard, and a thousand patches. A picture of each goes to PICTURES, when that is set.
//
//   test-looks.js VERSION      (as root in a world)
import fs from "node:fs";
import path from "node:path";
import { axeSource, bootMachine, equal, Person, runCases, startBrowser, until } from "./harness.js";
import { findOverflow } from "./overflow.js";

const machine = await bootMachine(process.argv[2]);
const browser = await startBrowser();
const VERBS = ["apply", "activate", "accept", "revoke", "deactivate", "remove"];
let person = new Person(browser, machine);
let frame;

const row = text => frame.locator(`tr[data-patch*="${text}"]`);
const button = name => frame.getByRole("button", { name, exact: true });
const toast = text => frame.locator(".pf-v6-c-alert-group.pf-m-toast").getByText(text).first().waitFor();
const undo = text => frame.locator(".pf-v6-c-alert-group.pf-m-toast .pf-v6-c-alert").filter({ hasText: text }).getByRole("button", { name: "Undo" }).click();

async function sitDown(options = {}, hash = "") {
  await person.leave();
  equal(person.complaints, [], "the browser's complaints");
  person = new Person(browser, machine, options);
  await person.login("patchadmin", "patchpw1", "/syscare" + hash);
  frame = await person.frame();
}

/** The page anew for whoever is logged in, which is sooner than a login. */
async function reopen(hash = "") {
  await person.page.goto("about:blank");
  await person.page.goto(`${machine.address}/syscare${hash}`);
  frame = await person.frame();
}

async function picture(name) {
  equal(await frame.evaluate(findOverflow), [], `${name}: overflowing or clipped`);
  await noSeriousRemark(name);
  if (process.env.PICTURES)
    await person.page.screenshot({ path: path.join(process.env.PICTURES, `cockpit-${name}.png`), animations: "disabled" });
}

async function noSeriousRemark(what) {
  await frame.evaluate(axeSource);
  // axe reckons with the colours of the style, which the user's own replace.
  const rules = person.options.forcedColors ? { "color-contrast": { enabled: false } } : {};
  const found = await frame.evaluate(async rules => (await window.axe.run({ rules })).violations.map(({ id, impact, nodes }) => ({ id, impact, html: nodes[0].html })), rules);
  equal(found.filter(({ impact }) => ["serious", "critical"].includes(impact)), [], what);
}

const LOOKS = {
  "light": {},
  "dark": { colorScheme: "dark" },
  "narrow": { viewport: { width: 360, height: 760 } },
  "zh_CN": { locale: "zh-CN" },
  "contrast": { forcedColors: "active" },
};

async function startMock(...options) {
  await machine.mock(...options);
  for (const verb of VERBS)
    await machine.mock_call("Permit", verb, "yes");
}

const cases = [
  ["a thousand patches are there soon after the login", async () => {
    await startMock("--patches", "1000");
    await person.login("patchadmin", "patchpw1", "/system/logs");
    await person.page.locator('a[href="/syscare"]').first().waitFor();
    const began = Date.now();
    await person.page.locator('a[href="/syscare"]').first().click();
    frame = await person.frame();
    await row("HP00049").waitFor();
    const timing = await frame.evaluate(() => {
      const [navigation] = performance.getEntriesByType("navigation");
      return { loaded: Math.round(navigation.domContentLoadedEventEnd), now: Math.round(performance.now()) };
    });
    console.log(`# of these in the page: ${timing.loaded} ms to load it, all in all ${timing.now} ms`);
    console.log(`# ${Date.now() - began} ms from the click in the menu to the first 50 of 1000 rows`);
    await frame.getByText("1000 of 1000").waitFor();
    const typed = Date.now();
    await frame.getByRole("textbox", { name: "Search for patches" }).fill("CVE-2026-20999");
    await row("HP00999").waitFor();
    console.log(`# ${Date.now() - typed} ms from a search to its row`);
    await picture("thousand");
  }],
  ...Object.entries(LOOKS).flatMap(([name, options], index) => [
    [`the list: ${name}`, async () => {
      if (index === 0)
        await startMock();
      await sitDown(options);
      await row("redis-7.0.15-1~deb12u7/HP001").waitFor();
      await picture(`list-${name}`);
    }],
    [`a patch with problems, its processes and its history: ${name}`, async () => {
      await row("redis-7.0.15-1~deb12u7/HP001").getByRole("button").first().click();
      await frame.locator(".pf-v6-c-description-list").first().waitFor();
      await picture(`patch-${name}`);
      await frame.getByRole("tab").nth(1).click();
      await frame.locator('tr[data-pid="1207"]').waitFor();
      await frame.locator('tr[data-pid="1207"]').scrollIntoViewIfNeeded();
      await picture(`processes-${name}`);
      await frame.getByRole("tab").nth(2).click();
      await until("a history", async () => await frame.locator(".pf-v6-c-empty-state, tr[data-verb]").count() > 0);
      await frame.getByRole("tab").nth(0).click();
    }],
    [`the question before something is taken away: ${name}`, async () => {
      await until("the button is on", async () => await frame.locator('button[data-verb="deactivate"]').getAttribute("aria-disabled") !== "true");
      await frame.locator('button[data-verb="deactivate"]').click();
      await frame.getByRole("dialog").locator(".pf-v6-c-alert").waitFor();
      await picture(`confirm-${name}`);
      await person.page.keyboard.press("Escape");
      await frame.getByRole("dialog").waitFor({ state: "detached" });
    }],
    [`a bundle that was chosen, before anything is sent: ${name}`, async () => {
      await frame.locator(".pf-v6-c-breadcrumb button").click();
      await frame.locator(".syscare-list .pf-v6-c-toolbar button.pf-m-secondary").last().click();
      const dialog = frame.getByRole("dialog");
      const install = dialog.locator("footer button.pf-m-primary");
      equal(await install.isDisabled(), true, "nothing is installed while nothing was chosen");
      await dialog.locator("input[type=file]").setInputFiles({ name: "redis-7.0.15-1~deb12u7-HP002.tar.gz", mimeType: "application/gzip", buffer: Buffer.alloc(1000) });
      await until("it can be sent", () => install.isEnabled());
      await picture(`upload-${name}`);
      await person.page.keyboard.press("Escape");
      await dialog.waitFor({ state: "detached" });
      equal((await machine.mock_log()).filter(call => call.startsWith("Install")), [], "calls of the service");
      equal(await machine.uploads_left(), [], "what was sent");
    }],
  ]),
  ["a patch's texts are text: no markup is taken for such, no mark turns its neighbours around, nothing is too long or too many", async () => {
    await startMock("--hostile");
    await sitDown();
    await row("HP002").waitFor();
    await picture("hostile");
    await row("HPsafe").getByRole("button").first().click();
    await frame.getByRole("tab", { name: "Overview" }).waitFor();
    await frame.getByText("9223372036854776000").or(frame.getByText("9223372036854775807")).first().waitFor();
    await frame.getByText("Full name").waitFor();
    await picture("hostile-patch");
    await frame.getByRole("tab", { name: "Processes" }).click();
    await frame.locator('tr[data-pid="4999"]').waitFor();
    equal(await frame.locator("tr[data-pid]").count(), 50, "rows of 2001");
    await frame.getByText("2000 of 2001 processes run the new code").waitFor();
    await picture("hostile-processes");
    await frame.getByRole("button", { name: "Next page" }).click();
    await frame.locator('tr[data-pid="5049"]').waitFor();
    const found = await frame.evaluate(() => ({
      hacked: window.hacked, above: window.top.hacked, made: document.querySelectorAll("#app img, #app script").length,
      tricks: /[\u202a-\u202e\u2066-\u2069\u200b\u0007\u001b]/.test(document.body.innerText), links: [...document.querySelectorAll("a")].map(link => link.protocol),
    }));
    equal([found.hacked, found.above, found.made, found.tricks], [undefined, undefined, 0, false], "what came of it");
    equal(found.links.filter(protocol => protocol !== "https:"), [], "links");
    await until("the button is on", async () => await button("Remove…").getAttribute("aria-disabled") !== "true");
    await button("Remove…").click();
    await frame.getByRole("dialog").locator(".pf-v6-c-alert").waitFor();
    await picture("hostile-confirm");
    await machine.mock_call("Fail", "Submit", "Busy", `<b>\u202e${"y".repeat(3000)}`);
    await frame.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
    await frame.getByText("Somebody else is working on the same target.").waitFor();
    await picture("hostile-error");
  }],
  ["filters are steps of the browser's history, a search isn't", async () => {
    await startMock();
    await reopen();
    await frame.getByRole("button", { name: /^Active: / }).click();
    await row("nginx").waitFor({ state: "detached" });
    await frame.getByRole("button", { name: /^Accepted: / }).click();
    await row("nginx").waitFor();
    await frame.getByRole("textbox", { name: "Search for patches" }).fill("HP101");
    await row("nginx").waitFor({ state: "detached" });
    await row("HP101").getByRole("button").first().click();
    await frame.locator('[data-state="accepted"]').waitFor();
    await person.page.goBack();
    await row("HP101").waitFor();
    equal(await frame.getByRole("textbox", { name: "Search for patches" }).inputValue(), "HP101", "the search");
    await person.page.goBack();
    await row("openssl").first().waitFor();
    equal(await frame.locator('[aria-current]').filter({ hasText: "Active" }).count(), 1, "the filter");
    await person.page.goForward();
    await row("HP101").waitFor();
  }],
  ["a decision about what has changed meanwhile is refused and told, also when it changes at the last moment", async () => {
    await reopen("#/?search=nginx");
    await row("nginx").getByRole("button").first().click();
    await until("the button is on", async () => await button("Remove…").getAttribute("aria-disabled") !== "true");
    await button("Remove…").click();
    let dialog = frame.getByRole("dialog");
    await dialog.locator(".pf-v6-c-alert").waitFor();
    await machine.mock_call("SetState", "nginx", "active");
    await dialog.getByText("It changed while this question was open.").waitFor();
    equal(await dialog.getByRole("button", { name: "Remove", exact: true }).isDisabled(), true, "the button");
    await picture("changed");
    await person.page.keyboard.press("Escape");
    await button("Remove…").click();
    await dialog.locator(".pf-v6-c-alert").waitFor();
    // What the page hasn't heard of yet: it asks once more before it acts.
    await frame.evaluate(() => { window.syscareStore.connection.listener.signal = () => undefined; });
    await machine.mock_call("SetState", "nginx", "deactivated");
    await dialog.getByRole("button", { name: "Remove", exact: true }).click();
    await frame.getByText("The patches changed while you were deciding, so nothing was done.").waitFor();
    equal((await machine.mock_log()).filter(call => call.startsWith("Submit")), [], "calls of the service");
    await reopen("#/?search=nginx");
    await row("nginx").getByRole("button").first().click();
    await until("the button is on", async () => await button("Remove…").getAttribute("aria-disabled") !== "true");
    await button("Remove…").click();
    dialog = frame.getByRole("dialog");
    await dialog.locator(".pf-v6-c-alert").waitFor();
    // Something else on the machine changed in between: that is no reason not to do it.
    await machine.mock_call("Fail", "Submit", "Changed", "the generation is 8, not 7 as expected");
    await dialog.getByRole("button", { name: "Remove", exact: true }).click();
    await frame.locator('[data-state="not-applied"]').waitFor();
    equal((await machine.mock_log()).filter(call => call.startsWith("Submit") && /'expected-generation': \d+/.test(call)).length, 2, "calls that say what was seen");
  }],
  ["a job that ends while the page is loaded anew is told as one's own, and can be undone after another reload", async () => {
    await reopen("#/?search=HP002");
    await machine.mock_call("Hold", "true");
    await row("redis-7.0.15-1~deb12u7/HP002").getByRole("button").first().click();
    await until("the button is on", async () => await button("Apply…").getAttribute("aria-disabled") !== "true");
    await button("Apply…").click();
    await frame.getByRole("dialog").getByRole("button", { name: "Apply", exact: true }).click();
    await frame.locator("[data-job]").getByText("Applying HP002 · redis-check-rdb").waitFor();
    await person.page.goto("about:blank");
    await machine.mock_call("Hold", "false");
    for (const _round of [1, 2]) {
      await reopen();
      await toast("HP002 · redis-check-rdb applied");
    }
    await undo("HP002 · redis-check-rdb applied");
    await toast("as it was before");
    await row("redis-7.0.15-1~deb12u7/HP002").getByText("Not applied").waitFor();
    equal(await frame.getByText("done by another client").count(), 0, "notices about somebody else");
  }],
  ["what somebody else has changed since isn't undone", async () => {
    await row("nginx").getByRole("button").first().click();
    await until("the button is on", async () => await button("Apply…").getAttribute("aria-disabled") !== "true");
    await button("Apply…").click();
    await frame.getByRole("dialog").getByRole("button", { name: "Apply", exact: true }).click();
    await toast("HP014 · nginx applied");
    await frame.locator(".pf-v6-c-alert-group.pf-m-toast .pf-v6-c-alert").filter({ hasText: "HP014 · nginx applied" }).hover(); // so that it stays
    await machine.mock_call("SetState", "nginx", "accepted");
    await frame.locator('[data-state="accepted"]').waitFor();
    await undo("HP014 · nginx applied");
    await frame.getByText("The patches changed while you were deciding, so nothing was done.").waitFor();
    await frame.locator('[data-state="accepted"]').waitFor();
    await person.page.keyboard.press("Escape");
  }],
  ["by keyboard alone: each other dialog is reached, has the focus inside, and gives it back", async () => {
    await reopen();
    const { keyboard } = person.page;
    const dialog = frame.getByRole("dialog");
    const inDialog = () => frame.evaluate(() => document.activeElement?.closest("[role=dialog]") !== null);
    const focused = () => frame.evaluate(() => document.activeElement?.textContent);
    await button("Install patch…").focus();
    await keyboard.press("Enter");
    await dialog.waitFor();
    await until("the focus is in the dialog", inDialog);
    for (let steps = 0; steps < 8; steps++) {
      await keyboard.press("Tab");
      equal(await inDialog(), true, "the focus stays in the dialog");
    }
    const [chooser] = await Promise.all([person.page.waitForEvent("filechooser"), dialog.getByRole("button", { name: "Open" }).press("Enter")]);
    await chooser.setFiles({ name: "empty.tar", mimeType: "application/x-tar", buffer: Buffer.alloc(0) });
    await dialog.getByText("The file is empty.").waitFor();
    equal(await dialog.getByRole("button", { name: "Install", exact: true }).isDisabled(), true, "an empty file is sent");
    await picture("upload-refused");
    const large = "/run/world/large.tar";
    fs.writeFileSync(large, "");
    fs.truncateSync(large, 64 * 1024 * 1024 + 1);
    await dialog.locator("input[type=file]").setInputFiles(large);
    await dialog.getByText("The file is too large: at most 64 MiB can be uploaded.").waitFor();
    equal(await dialog.getByRole("button", { name: "Install", exact: true }).isDisabled(), true, "a too large file is sent");
    await keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await until("the focus is back", async () => await focused() === "Install patch…");
    await row("redis-7.0.15-1~deb12u7/HP002").getByRole("button").first().press("Enter");
    for (const [name, answer] of [["Uninstall…", "Cancel"], ["Apply…", "Cancel"]]) {
      await until("the button is on", async () => await button(name).getAttribute("aria-disabled") !== "true");
      await button(name).press("Enter");
      await dialog.waitFor();
      await until("the focus is in the dialog", inDialog);
      await dialog.locator("footer").getByRole("button", { name: answer }).press("Enter");
      await dialog.waitFor({ state: "detached" });
      await until("the focus is back", async () => await focused() === name);
    }
    await machine.mock_call("Fail", "Submit", "ProcessBusy", "thread 1211");
    await button("Apply…").press("Enter");
    await dialog.getByRole("button", { name: "Apply", exact: true }).press("Enter");
    await frame.getByText("A process didn’t leave the old functions in time.").waitFor();
    await until("the focus is in the dialog", inDialog);
    await dialog.locator("footer").getByRole("button", { name: "Close" }).press("Enter");
    await dialog.waitFor({ state: "detached" });
  }],
  ["right to left everything is mirrored and nothing runs over", async () => {
    await sitDown();
    await row("redis-7.0.15-1~deb12u7/HP001").waitFor();
    await frame.evaluate(() => { document.documentElement.dir = "rtl"; });
    await picture("list-rtl");
    const [search, install] = await Promise.all([frame.getByRole("textbox").first().boundingBox(), button("Install patch…").boundingBox()]);
    equal(search.x > install.x, true, "the search on the right");
    await frame.evaluate(() => { document.documentElement.dir = "ltr"; });
  }],
  ["by keyboard alone: search, open a patch, ask, answer, go back", async () => {
    const { keyboard } = person.page;
    await frame.getByRole("textbox", { name: "Search for patches" }).focus();
    await keyboard.type("nginx");
    await row("redis-7.0.15-1~deb12u7/HP001").waitFor({ state: "detached" });
    const tabTo = async selector => {
      for (let steps = 0; steps < 60; steps++) {
        await keyboard.press("Tab");
        if (await frame.evaluate(wanted => document.activeElement?.matches(wanted), selector))
          return;
      }
      throw new Error(`${selector} isn't reached by the Tab key`);
    };
    await tabTo('tr[data-patch*="nginx"] button');
    await keyboard.press("Enter");
    await frame.locator('[data-state="accepted"]').waitFor();
    await until("the button is on", async () => await frame.locator('button[data-verb="revoke"]').getAttribute("aria-disabled") !== "true");
    await tabTo('button[data-verb="revoke"]');
    await keyboard.press("Enter");
    const dialog = frame.getByRole("dialog");
    await dialog.locator(".pf-v6-c-alert").waitFor();
    equal(await frame.evaluate(() => document.activeElement?.closest("[role=dialog]") !== null), true, "the focus is in the dialog");
    await tabTo("[role=dialog] footer button.pf-m-danger");
    await keyboard.press("Enter");
    await frame.locator('[data-state="active"]').waitFor();
  }],
  ["a job shows its progress, is cancelled and tells so; another client's shows who began it", async () => {
    await sitDown({}, "#/?search=HP002");
    await machine.mock_call("Hold", "true");
    await row("redis-7.0.15-1~deb12u7/HP002").getByRole("button").first().click();
    await until("the button is on", async () => await button("Apply…").getAttribute("aria-disabled") !== "true");
    await button("Apply…").click();
    await frame.getByRole("dialog").getByRole("button", { name: "Apply", exact: true }).click();
    const job = frame.locator("[data-job]");
    await job.getByText("Applying HP002 · redis-check-rdb").waitFor();
    await picture("job");
    await until("it can be cancelled", async () => await job.getByRole("button", { name: "Cancel" }).getAttribute("aria-disabled") !== "true");
    await job.getByRole("button", { name: "Cancel" }).click();
    await toast("Cancelled");
    await machine.mock_call("Foreign", "apply", "redis-7.0.15-1~deb12u7/HP002/redis-check-rdb");
    await job.getByText("started by user id 4242").waitFor();
    await machine.mock_call("Hold", "false");
    await toast("done by another client");
    await frame.locator('[data-state="active"]').waitFor();
  }],
  ["an error is one plain sentence with the service's words as detail", async () => {
    await machine.mock_call("Fail", "Submit", "ProcessBusy", "redis-server: thread 1211 stayed in xautoclaimCommand\n  try again later");
    await frame.locator('button[data-verb="remove"]').click();
    await frame.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
    await frame.getByText("A process didn’t leave the old functions in time.").waitFor();
    await picture("error");
    await frame.getByRole("dialog").locator("footer").getByRole("button", { name: "Close" }).click();
  }],
  ["several selected patches: only what fits one of them", async () => {
    await sitDown();
    for (const name of ["nginx", "dnsmasq"])
      await row(name).getByRole("checkbox").check();
    await frame.getByText("2 patches selected").waitFor();
    equal(await button("Apply…").count(), 0, "apply");
    await button("Remove…").waitFor();
    await row("nginx").scrollIntoViewIfNeeded();
    const above = await frame.getByText("2 patches selected").evaluate(bar => bar.getBoundingClientRect().top >= 0 && bar.contains(
      document.elementFromPoint(bar.getBoundingClientRect().left + 4, bar.getBoundingClientRect().top + 4)));
    equal(above, true, "what can be done to them is in sight, and nothing lies over it");
    await picture("several");
    await button("Remove…").click();
    await frame.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
    await frame.getByText("2 done, 0 not done").waitFor();
    await picture("batch");
    await frame.getByRole("dialog").locator("footer").getByRole("button", { name: "Close" }).click();
  }],
  ["who may not do anything sees everything, and why nothing can be done", async () => {
    for (const verb of VERBS)
      await machine.mock_call("Permit", verb, "challenge");
    await sitDown();
    await row("nginx").getByRole("button").first().click();
    await until("the button is off", async () => await button("Apply…").getAttribute("aria-disabled") === "true");
    await button("Apply…").hover();
    await frame.getByRole("tooltip").getByText("This needs administrative access.").waitFor();
    await picture("limited");
    for (const verb of VERBS)
      await machine.mock_call("Permit", verb, "yes");
    await sitDown();
  }],
  ["what isn't well with the service is said, and the shell is told", async () => {
    await machine.mock_call("Degrade", "['settings: /etc/syscare/syscare.conf: line 3', 'polkit: no answer']");
    await frame.getByText("There is a mistake in the service’s settings").waitFor();
    await picture("degraded");
    await until("a sign in the menu", async () => await person.page.locator('a[href="/syscare"] .nav-item-status, a[href="/syscare"] svg, a[href="/syscare"] .ct-icon-exclamation-triangle').count() > 0);
    await machine.mock_call("Degrade", "@as []");
  }],
  ["nothing found and nothing there are two different things", async () => {
    await frame.getByRole("textbox", { name: "Search for patches" }).fill("no such thing");
    await frame.getByText("Nothing matches").waitFor();
    await picture("nothing-matches");
    await frame.locator(".pf-v6-c-empty-state").getByRole("button").click();
    await row("nginx").waitFor();
    await machine.mock_call("Empty");
    await frame.getByText("No patches installed").waitFor();
    await picture("empty");
  }],
  ["a service of another version is said to be one", async () => {
    await machine.mock("--old");
    await frame.getByText("The patch service is another version").waitFor();
    await picture("other-version");
  }],
  ["a service that isn't there is a page that says so", async () => {
    await machine.end_mock_only();
    await frame.getByText("The patch service isn’t running").or(frame.getByText("The patch service isn’t installed")).first().waitFor();
    await picture("missing");
    equal(person.complaints, [], "the browser's complaints");
  }],
];

const failures = await runCases(cases, () => person);
await browser.close();
await machine.close();
process.exit(failures ? 1 : 0);
