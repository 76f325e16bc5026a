#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-or-later
// Milliseconds from the login button to a usable page: ours with many patches, and one that does nothing, in turns. What both need is
// Cockpit's and the browser's share. Run by tests/bench/cockpit; must not know what a good figure is.
//
//   bench.js VERSION PATCHES      (as root in a world)
import fs from "node:fs";
import { bootMachine, Person, startBrowser } from "./harness.js";

const ROUNDS = 7;
const [version, patches] = process.argv.slice(2);

const minimal = "/usr/share/cockpit/minimal";
fs.mkdirSync(minimal);
fs.writeFileSync(`${minimal}/manifest.json`, JSON.stringify({ menu: { index: { label: "Minimal" } } }));
fs.writeFileSync(`${minimal}/index.html`, `<!DOCTYPE html><html lang="en"><head><title>Minimal</title><meta charset="utf-8">
<script src="../base1/cockpit.js"></script><script src="index.js"></script></head><body></body></html>`);
fs.writeFileSync(`${minimal}/index.js`, `cockpit.transport.wait(() => {
  document.body.innerHTML = '<p id="there">There</p>';
  cockpit.transport.control("init-done", {});
});`);

const machine = await bootMachine(version);
await machine.mock("--patches", patches);
const browser = await startBrowser();

async function round(name, sign) {
  const person = new Person(browser, machine);
  await person.sitDown();
  const { page } = person;
  await page.goto(`${machine.address}/${name}`);
  await page.fill("#login-user-input", "patchadmin");
  await page.fill("#login-password-input", "patchpw1");
  const began = performance.now();
  await page.click("#login-button");
  const element = await page.waitForSelector(`iframe[name="cockpit1:localhost/${name}"]`, { state: "attached" });
  const frame = await element.contentFrame();
  await frame.waitForSelector(sign);
  const usable = performance.now() - began;
  const inside = await frame.evaluate(() => performance.now());
  await person.leave();
  return { usable, inside };
}

const median = values => [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)];
const found = { minimal: [], syscare: [] };
await round("minimal", "#there"); // what only the first one pays
await round("syscare", "tr[data-patch]");
for (let number = 0; number < ROUNDS; number++) {
  found.minimal.push(await round("minimal", "#there"));
  found.syscare.push(await round("syscare", "tr[data-patch]"));
}
const figure = (name, what) => median(found[name].map(one => one[what]));
const line = (text, value) => console.log(`${text.padEnd(72)} ${value}`);
line(`Cockpit ${version}, login to usable: a page that does nothing`, `${figure("minimal", "usable").toFixed(0)} ms`);
line(`the same: our page with ${patches} patches`, `${figure("syscare", "usable").toFixed(0)} ms`);
line("our page against the one that does nothing", `${(figure("syscare", "usable") / figure("minimal", "usable")).toFixed(2)} times`);
line("our page's own share, in its frame, to the first rows", `${figure("syscare", "inside").toFixed(0)} ms`);
line("the same: the page that does nothing", `${figure("minimal", "inside").toFixed(0)} ms`);
await browser.close();
await machine.close();
