#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-or-later
// The page on a machine that was added to another one's Cockpit: two private worlds on one network, the browser logs in to the first,
// sees the patches of the second through ssh and repairs that one only.
//
//   test-hosts.js VERSION [VERSION_OF_THE_SECOND]      (as root, outside of worlds)
import { bootMachine, equal, partsOf, Person, runCases, startBrowser, until } from "./harness.js";

const [version, otherVersion = version] = process.argv.slice(2);
const [near, far] = await Promise.all([bootMachine(version, { ownWorld: true }), bootMachine(otherVersion, { ownWorld: true })]);
const [port] = await Promise.all([far.serve_ssh(), far.make_patches(), near.make_patches("HP001")]);
const browser = await startBrowser();
const FIRST = "HP001 · toy";
let person = new Person(browser, near);
let frame;

const { row, button, state, notice, isOff, openFirst, backToList, confirm } = partsOf(() => frame, FIRST);

/** What the programs of both machines make of 21. */
async function answers() {
  return [await near.answers(), await far.answers()];
}

const cases = [
  ["a machine is added in Cockpit's shell, and its patches are those of the page there", async () => {
    await person.login("patchadmin", "patchpw1");
    frame = await person.frame();
    await row("HP001").waitFor();
    equal(await row("HP003").count(), 0, "the other machine's patch on the near one");
    frame = await person.addHost("patchadmin", "patchpw1", port);
    await row("HP003").waitFor();
    await row("HP001").getByText("0 of 2").waitFor();
  }],
  ["over there it is limited until administrative access is given there", async () => {
    await openFirst();
    await until("the button is off", () => isOff(button("Apply…")));
    await person.becomeAdministrator("patchpw1");
    await until("the button is on", async () => !await isOff(button("Apply…")));
  }],
  ["a patch is applied over there and not here", async () => {
    await confirm("Apply");
    await state("active");
    await notice(`${FIRST} applied`);
    equal(await answers(), [[42, 42, 105], [43, 43, 105]], "the programs");
  }],
  ["the near machine's page still tells of the near machine, and the far one's of the far one", async () => {
    frame = await person.goToHost("localhost");
    await row("HP001").getByText("Not applied").waitFor();
    frame = await person.goToHost(person.farKey);
    await row("HP001").getByText("Active").waitFor();
    await openFirst();
    await state("active");
  }],
  ["what the command line does over there shows at once", async () => {
    await far.syscare("deactive", "HP001");
    await state("deactivated");
    await notice(`${FIRST}: Deactivate done by another client`);
    await near.syscare("apply", "HP001");
    equal(await answers(), [[43, 43, 105], [42, 42, 105]], "the programs");
    equal(await frame.locator('[data-state="deactivated"]').count() > 0, true, "the other machine's patch is as it was");
    await near.syscare("remove", "HP001");
  }],
  ["a service that is killed over there is a page of its own until it is back", async () => {
    await far.kill_service();
    await frame.getByText("The patch service isn’t running").or(frame.getByText("The patch service isn’t installed")).first().waitFor();
    await far.start_service();
    await state("deactivated");
    await confirm("Remove");
    await state("not-applied");
    await backToList();
  }],
  ["an uploaded bundle is written and installed over there only, and no copy stays on either machine", async () => {
    await button("Install patch…").click();
    const name = await far.archive_bytes("HP002");
    await frame.locator("input[type=file]").setInputFiles({ name: "HP002.tar.gz", mimeType: "application/gzip", buffer: Buffer.from(name, "base64") });
    await frame.getByRole("dialog").getByRole("button", { name: "Install", exact: true }).click();
    await notice("Patch installed; it isn’t applied yet");
    await row("HP002").waitFor();
    equal([await near.names(), await far.names()], [["HP001"], ["HP001", "HP002", "HP003"]], "installed");
    equal([await near.uploads_left(), await far.uploads_left()], [[], []], "uploaded copies");
  }],
  ["a user whom a rule over there allows works there without administrative access, though here no rule does", async () => {
    await far.delegate();
    await person.leave();
    equal(person.complaints, [], "the browser's complaints");
    person = new Person(browser, near);
    await person.login("dba", "patchpw3");
    frame = await person.frame();
    await row("HP001").waitFor();
    await openFirst();
    await until("the button is off", () => isOff(button("Apply…")));
    frame = await person.addHost("dba", "patchpw3", port);
    await row("HP001").waitFor();
    await openFirst();
    await confirm("Apply");
    await state("active");
    equal(await answers(), [[42, 42, 105], [43, 43, 105]], "the programs");
    await confirm("Remove");
    await state("not-applied");
    equal(await answers(), [[42, 42, 105], [42, 42, 105]], "the programs");
  }],
  ["neither the browser nor the content policy complained", async () => {
    equal(person.complaints, [], "complaints");
  }],
];

const failures = await runCases(cases, () => person);
await browser.close();
await Promise.all([near.close(), far.close()]);
process.exit(failures ? 1 : 0);
