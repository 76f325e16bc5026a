#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-or-later
// Milliseconds from the login button to a usable page, in turns: ours with many patches, a page that does nothing, and one that asks our
// service a single question. What all need is Cockpit's and the browser's share. Times are taken inside of the browser, when the first of what is
// waited for was painted. Run by tests/bench/cockpit; must not know what a good figure is.
//
//   bench.js VERSION PATCHES      (as root in a world)
import fs from "node:fs";
import { bootMachine, Person, startBrowser, until } from "./harness.js";

const ROUNDS = 7;
const [version, patches] = process.argv.slice(2);

function makePage(name, code) {
  const folder = `/usr/share/cockpit/${name}`;
  fs.mkdirSync(folder);
  fs.writeFileSync(`${folder}/manifest.json`, JSON.stringify({ menu: { index: { label: name } } }));
  fs.writeFileSync(`${folder}/index.html`, `<!DOCTYPE html><html lang="en"><head><title>${name}</title><meta charset="utf-8">
<script src="../base1/cockpit.js"></script><script src="index.js"></script></head><body></body></html>`);
  fs.writeFileSync(`${folder}/index.js`, code);
}

const SHOW = `document.body.innerHTML = '<p id="there">There</p>'; cockpit.transport.control("init-done", {});`;
makePage("nothing", `cockpit.transport.wait(() => { ${SHOW} });`);
makePage("question", `cockpit.dbus("org.openeuler.SysCare1", { bus: "system", superuser: "try" })
  .call("/org/openeuler/SysCare1", "org.freedesktop.DBus.Properties", "GetAll", ["org.openeuler.SysCare1.Manager"], { type: "s" })
  .then(() => { ${SHOW} });`);
const PAGES = { nothing: { sign: "#there" }, question: { sign: "#there" }, syscare: { sign: "tr[data-patch]", whole: `${patches} of ${patches}` } };

const machine = await bootMachine(version);
await machine.mock("--patches", patches);
const browser = await startBrowser();

/** Runs in every frame: remembers when what @sign finds was painted. */
function watch(sign) {
  const now = () => performance.timeOrigin + performance.now();
  // By looking: a frame begins as an empty document, and what observes that one doesn't see the next.
  const look = () => {
    if (document.querySelector(sign))
      requestAnimationFrame(() => setTimeout(() => { window.painted = { at: now(), inside: performance.now() }; }));
    else
      setTimeout(look);
  };
  look();
}

async function round(name) {
  const { sign, whole } = PAGES[name];
  const person = new Person(browser, machine);
  await person.sitDown();
  const { page } = person;
  await page.addInitScript(watch, sign);
  await page.goto(`${machine.address}/${name}`);
  await page.fill("#login-user-input", "patchadmin");
  await page.fill("#login-password-input", "patchpw1");
  const pressed = await page.evaluate(() => {
    const at = performance.timeOrigin + performance.now();
    document.querySelector("#login-button").click();
    return at;
  });
  const element = await page.waitForSelector(`iframe[name="cockpit1:localhost/${name}"]`, { state: "attached" });
  const frame = await element.contentFrame();
  await frame.waitForSelector(sign);
  await until("it is painted", () => frame.evaluate(() => window.painted !== undefined));
  const { at, inside } = await frame.evaluate(() => window.painted);
  if (whole)
    await frame.getByText(whole).waitFor();
  const complete = await frame.evaluate(() => performance.timeOrigin + performance.now());
  await person.leave();
  return { usable: at - pressed, inside, complete: complete - pressed };
}

const median = values => [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)];
const found = Object.fromEntries(Object.keys(PAGES).map(name => [name, []]));
for (const name of Object.keys(PAGES))
  await round(name); // what only the first one pays
for (let number = 0; number < ROUNDS; number++)
  for (const name of Object.keys(PAGES))
    found[name].push(await round(name));
const figure = (name, what) => `${median(found[name].map(one => one[what])).toFixed(0)} ms`;
// Of neighbours, which what else the machine did has disturbed alike.
const ratio = other => `${median(found.syscare.map((one, index) => one.usable / found[other][index].usable)).toFixed(2)} times`;
const line = (text, value) => console.log(`${text.padEnd(80)} ${value}`);
line(`Cockpit ${version}, login to usable: a page that does nothing`, figure("nothing", "usable"));
line("the same: a page that asks the service one question", figure("question", "usable"));
line(`the same: our page with ${patches} patches`, figure("syscare", "usable"));
line("our page against the one that does nothing, median of the pairs", ratio("nothing"));
line("our page against the one that asks a question, median of the pairs", ratio("question"));
line("login to the last patch in the list", figure("syscare", "complete"));
line("in its frame, to what is waited for: a page that does nothing", figure("nothing", "inside"));
line("the same: a page that asks the service one question", figure("question", "inside"));
line(`the same: our page with ${patches} patches`, figure("syscare", "inside"));
await browser.close();
await machine.close();
