// SPDX-License-Identifier: GPL-2.0-or-later
// A browser at Cockpit, the machine behind it, and TAP. Must not know what is tested.
//
// Environment: PAGE_WORK, the build's copy of the page's sources with its modules; WORLD_CACHE, where fetched packages are kept.
import { spawn } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";

export const here = path.dirname(fileURLToPath(import.meta.url));
const modules = createRequire(path.join(process.env.PAGE_WORK, "package.json"));
const { chromium, selectors } = modules("playwright-core");
export const axeSource = fs.readFileSync(modules.resolve("axe-core/axe.min.js"), "utf8");

/** Nothing takes so long on a busy machine: what does hangs. */
export const PATIENCE = 60000;
/** Of what the page shows when a case fails: the last ones, where dialogs and notices stand. */
const MOST_WORDS = 3000;

/** What root does and knows: methods of machine.py, each a promise; in this world, or in a new one of its own on the same network. */
export async function bootMachine(version, { ownWorld = false } = {}) {
  const cache = process.env.WORLD_CACHE;
  fs.mkdirSync(cache, { recursive: true });
  const command = ["/usr/bin/python3", "-B", path.join(here, "machine.py"), version, cache];
  const world = ownWorld ? [path.join(here, "../../tools/world"), "--rw", cache, "--"] : [];
  const [program, ...words] = [...world, ...command];
  const child = spawn(program, words, { stdio: ["pipe", "pipe", "inherit"] });
  const waiting = [];
  let ended = false;
  const next = () => new Promise((resolve, reject) => {
    if (ended)
      reject(new Error("the machine's program has ended"));
    waiting.push({ resolve, reject });
  });
  readline.createInterface({ input: child.stdout }).on("line", line => {
    const answer = JSON.parse(line);
    const { resolve, reject } = waiting.shift();
    if (answer.error)
      reject(new Error(answer.error));
    else
      resolve(answer.result);
  });
  child.on("exit", code => {
    ended = true;
    waiting.splice(0).forEach(({ reject }) => reject(new Error(`the machine's program ended with ${code}`)));
  });
  const address = await next();
  return new Proxy({ address, close: () => new Promise(resolve => { child.on("exit", resolve); child.stdin.end(); }) }, {
    get: (known, name) => known[name] ?? (name === "then" ? undefined : (...values) => {
      const answer = next();
      child.stdin.write(`${JSON.stringify([name, ...values])}\n`);
      return answer;
    }),
  });
}

export async function startBrowser() {
  selectors.setTestIdAttribute("data-ouia-component-id");
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
  });
}

/** One person at Cockpit: a browser context with a login and the frame of our page. */
export class Person {
  constructor(browser, machine, options = {}) {
    this.browser = browser;
    this.machine = machine;
    this.options = options;
    this.complaints = [];
  }

  async sitDown() {
    this.context = await this.browser.newContext({ viewport: { width: 1280, height: 900 }, ...this.options });
    this.page = await this.context.newPage();
    this.page.setDefaultTimeout(PATIENCE);
    // What the page's own files or the policy for its content complain about is a failure, whatever test it comes up in.
    this.page.on("console", message => {
      if (message.type() === "error" && /Content.Security.Policy|\/syscare\//.test(message.text() + message.location().url))
        this.complaints.push(`${message.text()} (${message.location().url})`);
    });
    this.page.on("pageerror", error => /syscare/.test(error.stack ?? "") && this.complaints.push(String(error)));
  }

  async login(user, password, target = "/syscare") {
    if (!this.page)
      await this.sitDown();
    await this.page.goto(this.machine.address + target);
    await this.page.fill("#login-user-input", user);
    await this.page.fill("#login-password-input", password);
    await this.page.click("#login-button");
  }

  /** The frame of our page on @host, once it is there. */
  async frame(host = "localhost") {
    const element = await this.page.waitForSelector(`iframe[name="cockpit1:${host}/syscare"]`, { state: "attached" });
    const frame = await element.contentFrame();
    await frame.waitForSelector("#app > *");
    return frame;
  }

  /** Adds the machine at @port of this one by the shell's own dialogs; the frame of our page there. */
  async addHost(user, password, port) {
    const { page } = this;
    const dialogButton = name => page.locator("[role=dialog] button:visible").filter({ hasText: name }).first();
    await page.locator("#host-toggle, #hosts-sel button").first().click();
    await page.getByRole("button", { name: "Add new host" }).click();
    await page.locator("#add-machine-address").fill(`127.0.0.1:${port}`);
    await page.locator("#add-machine-user").fill(user);
    await dialogButton(/^Add$/).click();
    // Newer versions ask whether the host's key is the right one, and what it means to be connected to several machines.
    const secret = page.locator("[role=dialog] input[type=password]:visible");
    const consent = dialogButton(/^(Trust and add host|Accept key and connect|Connect)/).and(page.locator("button:enabled"));
    await until("the password is asked for", async () => {
      if (await consent.isVisible())
        await consent.click({ timeout: 1000 }).catch(() => undefined); // it may be gone by now, or be working
      return secret.isVisible();
    });
    await secret.fill(password);
    await dialogButton(/^Log in$/).click();
    await secret.waitFor({ state: "detached" });
    this.farKey = `${user}@127.0.0.1:${port}`;
    return this.goToHost(this.farKey);
  }

  /** The frame of our page on @host, by its address. */
  async goToHost(host, hash = "") {
    await this.page.goto(`${this.machine.address}${host === "localhost" ? "" : `/@${host}`}/syscare${hash}`);
    return this.frame(host);
  }

  /** Administrative access by the shell's own button. */
  async becomeAdministrator(password) {
    const { page } = this;
    await page.locator("#super-user-indicator button:visible, .ct-locked:visible").first().click();
    await page.locator("input[type=password]:visible").fill(password);
    await page.keyboard.press("Enter");
  }

  async giveUpAdministration() {
    const { page } = this;
    await page.locator("#super-user-indicator button:visible").first().click();
    await page.locator(".pf-c-modal-box button.pf-m-primary, .pf-v6-c-modal-box button.pf-m-primary, .pf-v5-c-modal-box button.pf-m-primary").first().click();
  }

  async leave() {
    await this.context?.close();
    this.context = this.page = undefined;
  }
}

/** What there is to take hold of in the list and on the page of one patch; @frameNow gives the frame that is looked at now. */
export function partsOf(frameNow, first) {
  const row = name => frameNow().locator(`tr[data-patch*="/${name}/"]`);
  const button = name => frameNow().getByRole("button", { name, exact: true });
  const isOff = async locator => await locator.getAttribute("aria-disabled") === "true";
  return {
    row, button, isOff,
    state: word => frameNow().locator(`[data-state="${word}"]`).waitFor(),
    notice: text => frameNow().locator(".pf-v6-c-alert-group.pf-m-toast").getByText(text).first().waitFor(),

    async openFirst() {
      await button(first).click();
      await frameNow().getByRole("tab", { name: "Overview" }).waitFor();
    },

    async backToList() {
      await frameNow().locator(".pf-v6-c-breadcrumb").getByRole("button", { name: "Hot Patches" }).click();
      await row("HP001").waitFor();
    },

    /** Clicks the button of @verb once it is on, and says yes to the question. */
    async confirm(verb, reason = "") {
      await until("the button is on", async () => !await isOff(button(`${verb}…`)));
      await button(`${verb}…`).click();
      const dialog = frameNow().getByRole("dialog");
      await dialog.getByText("Dry run").waitFor();
      if (reason)
        await dialog.getByRole("textbox", { name: "Reason" }).fill(reason);
      await dialog.getByRole("button", { name: verb, exact: true }).click();
    },
  };
}

/** Runs the cases [sentence, function] one after another; a failed one is told with a picture, the others still run. */
export async function runCases(cases, person) {
  const wanted = process.env.CASES ? new RegExp(process.env.CASES) : /./;
  const chosen = cases.filter(([sentence]) => wanted.test(sentence));
  console.log(`1..${chosen.length}`);
  let failures = 0;
  for (const [index, [sentence, body]] of chosen.entries()) {
    const began = Date.now();
    try {
      await body();
      console.log(`ok ${index + 1} ${sentence}`);
    } catch (error) {
      failures++;
      console.log(`not ok ${index + 1} ${sentence}`);
      console.log(String(error.stack ?? error).replace(/^/gm, "# "));
      await tellWhatIsShown(person());
      await pictureOfFailure(person(), index + 1);
    }
    console.error(`# ${((Date.now() - began) / 1000).toFixed(1)} s`);
  }
  return failures;
}

/** A log tells more with the words that were on the screen: a refusal stands in a dialog, which no awaited element names. Of our pages only. */
async function tellWhatIsShown(someone) {
  for (const frame of (someone?.page?.frames() ?? []).filter(one => one.url().includes("/syscare/"))) {
    const words = await frame.locator("body").innerText({ timeout: 5000 }).catch(() => "");
    if (words)
      console.log(`# shown in ${frame.url()}:\n${words.slice(-MOST_WORDS)}`.replace(/\n+/g, "\n#   "));
  }
}

async function pictureOfFailure(someone, number) {
  const folder = process.env.FAILURE_PICTURES;
  if (!folder || !someone?.page)
    return;
  fs.mkdirSync(folder, { recursive: true });
  await someone.page.screenshot({ path: path.join(folder, `failure-${number}.png`) }).catch(() => undefined);
}

export function equal(seen, expected, what = "") {
  if (JSON.stringify(seen) !== JSON.stringify(expected))
    throw new Error(`${what}: ${JSON.stringify(seen)} instead of ${JSON.stringify(expected)}`);
}

/** Until @condition (may be a promise) is true. */
export async function until(what, condition) {
  const deadline = Date.now() + PATIENCE;
  while (!await condition()) {
    if (Date.now() > deadline)
      throw new Error(`${what}: not within ${PATIENCE} ms`);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}
