// SPDX-License-Identifier: GPL-2.0-or-later
// The page's model without a browser: what it makes of the bus's words, and what it asks for.
import assert from "node:assert/strict";
import test from "node:test";
import type { Dictionary } from "../src/cockpit";
import { format, withoutMnemonic } from "../src/i18n";
import { failureFrom, failureFromProblem } from "../src/model/errors";
import { count, matches, optionsFromView, PLAIN_VIEW, select, viewFromOptions, type View } from "../src/model/filter";
import { isEnded, jobWith, newJob, percentage, resultsFrom } from "../src/model/job";
import { detailsFromProperties, equalPatches, harmless, isAsSeen, jobNumber, LIST_PROPERTIES, patchFromRow, patchWithChanges, targetOf, titleOf, type Patch } from "../src/model/patch";
import { callsBack, isFrom, reasonAgainst, reasonAgainstUninstall, stepsBetween, VERBS } from "../src/model/verbs";
import { phaseWords, problemWords, stateWord, summaryOf, timeWords, troubleWords } from "../src/model/words";

const s = (v: string) => ({ t: "s", v });
const row = (more: Dictionary = {}): Dictionary => ({
  Path: s("/p/1"), Uuid: s("0b0d6d9e-6c59-4d8b-9c4e-6a55c0ffee00"), Name: s("redis-7.0.15-1/HP001/redis-check-rdb"), Kind: s("user"),
  TargetName: s("redis"), TargetVersion: s("5:7.0.15-1"), TargetObject: s("redis-check-rdb"), Description: s("A count is checked."),
  Issues: { t: "as", v: ["CVE-2026-66373"] }, Severity: s("high"), State: s("not-applied"), Problems: { t: "as", v: [] },
  ProcessesTotal: { t: "u", v: 3 }, ProcessesPatched: { t: "u", v: 0 }, LastChange: { t: "t", v: 0 }, Job: s("/"), ...more,
});
const patch = (more: Partial<Patch> = {}): Patch => ({ ...patchFromRow(row()), ...more });
const view = (more: Partial<View>): View => ({ ...PLAIN_VIEW, ...more });

test("a row of the bus becomes a patch, with its names for people", () => {
  assert.equal(titleOf(patch()), "HP001 · redis-check-rdb");
  assert.equal(targetOf(patch()), "redis 5:7.0.15-1");
  assert.equal(patch().job, "");
  assert.equal(titleOf(patch({ name: "" })), "Patch 0b0d6d9e");
});

test("a row with nothing but its path is shown as far as it goes, a wrong type as if it weren't there", () => {
  const bare = patchFromRow({ Path: s("/p/2") });
  assert.equal(bare.state, "unknown");
  assert.equal(targetOf(bare), "Unknown target");
  assert.deepEqual(patchFromRow(row({ Issues: s("CVE"), ProcessesTotal: s("3") })).issues, []);
});

test("every property that the list asks for is used", () => {
  const full = patchFromRow(row());
  for (const property of LIST_PROPERTIES) {
    const changed = { ...row(), [property]: property.startsWith("Processes") || property === "LastChange" ? { t: "u", v: 77 }
      : ["Issues", "Problems"].includes(property) ? { t: "as", v: ["other"] } : s("/other") };
    assert.ok(!equalPatches(full, patchFromRow(changed)), property);
  }
});

test("a signal changes what it names, and nothing new is the very same object", () => {
  const before = patch();
  assert.equal(patchWithChanges(before, { State: s("not-applied") }), before);
  const after = patchWithChanges(before, { State: s("active"), Job: s("/org/openeuler/SysCare1/jobs/7") });
  assert.equal(after.state, "active");
  assert.equal(after.processesTotal, 3);
  assert.equal(jobNumber(after.job), "7");
});

test("numbers beyond 2^53 stay text", () => {
  assert.equal(newJob("/org/openeuler/SysCare1/jobs/18446744073709551615").number, "18446744073709551615");
});

test("a moment that no calendar has is told as the number that came", () => {
  assert.equal(timeWords(0), "");
  assert.match(timeWords(1764000000000000), /2025/);
  assert.equal(timeWords(2 ** 63), "9223372036854776000");
  assert.equal(timeWords(Number.NaN), "");
  assert.equal(timeWords(-(2 ** 63)), "-9223372036854776000");
});

test("nothing in a text of the bus turns around or hides what stands beside it", () => {
  const evil = patchFromRow(row({ Name: s("a\u202egnp.exe\u2069"), Description: s("one\r\ntwo\tthree\u0007\u001b[31m\u200b"), Issues: { t: "as", v: ["CVE\u2066"] } }));
  assert.equal(evil.name, "a\ufffdgnp.exe\ufffd");
  assert.equal(evil.description, "one\ntwo\tthree\ufffd\ufffd[31m\ufffd");
  assert.deepEqual(evil.issues, ["CVE\ufffd"]);
  assert.equal(failureFrom("x.Failed", "\u202e").detail, "\ufffd");
  assert.equal(detailsFromProperties({ SourcePatches: { t: "a(ss)", v: [["\u202ea", "b"]] } }).sourcePatches[0][0], "\ufffda");
  // Persian and joined signs need these two.
  assert.equal(harmless("\u200c\u200d"), "\u200c\u200d");
});

test("a decision rests on the state and the problems of a patch, not on who runs it", () => {
  const seen = patch({ problems: ["conflict", "untrusted"] });
  assert.ok(isAsSeen(seen, patch({ problems: ["untrusted", "conflict"], processesTotal: 9, job: "/j/1" })));
  assert.ok(!isAsSeen(seen, patch({ problems: ["conflict"] })));
  assert.ok(!isAsSeen(seen, { ...seen, state: "active" }));
  assert.ok(!isAsSeen(seen, undefined));
  assert.ok(isAsSeen({ path: seen.path, state: seen.state }, patch()));
});

test("all words of a search must occur, in whatever letters and fields", () => {
  assert.ok(matches(patch(), view({ search: "REDIS cve-2026" })));
  assert.ok(matches(patch(), view({ search: " count  " })));
  assert.ok(!matches(patch(), view({ search: "redis nginx" })));
  assert.ok(!matches(patch(), view({ kind: "kernel" })));
  assert.ok(matches(patch({ problems: ["conflict"] }), view({ show: "problems" })));
  assert.ok(!matches(patch(), view({ show: "active" })));
});

test("a view survives its way through the address, and nonsense in an address is a plain view", () => {
  for (const one of [view({}), view({ search: "a b&c", show: "problems", kind: "kernel", sort: "severity", descending: true, page: 3 })])
    assert.deepEqual(viewFromOptions(optionsFromView(one)), one);
  assert.deepEqual(optionsFromView(PLAIN_VIEW), {});
  assert.deepEqual(viewFromOptions({ show: "<script>", sort: "x", page: "-1", kind: ["kernel", "user"], order: "up" }), view({ kind: "kernel" }));
});

test("sorting is stable and has its highest first", () => {
  const patches = ["low", "critical", "", "high"].map((severity, index) => patch({ path: `/p/${index}`, severity }));
  assert.deepEqual(select(patches, view({ sort: "severity" })).map(one => one.severity), ["critical", "high", "low", ""]);
  assert.deepEqual(select(patches, view({ sort: "severity", descending: true })).map(one => one.severity), ["", "low", "high", "critical"]);
  assert.deepEqual(select([...patches].reverse(), view({})).map(one => one.path), ["/p/0", "/p/1", "/p/2", "/p/3"]);
});

test("counts are by state, unknown words included", () => {
  const counts = count([patch(), patch({ state: "active", problems: ["conflict"] }), patch({ state: "frozen" })]);
  assert.equal(counts.all, 3);
  assert.equal(counts["not-applied"], 1);
  assert.equal(counts.problems, 1);
  assert.equal(counts.frozen, 1);
});

test("every verb is possible from some state and says why it isn't from every other", () => {
  for (const verb of VERBS)
    for (const state of ["not-applied", "deactivated", "active", "accepted", "unknown"])
      assert.equal(reasonAgainst(verb, [patch({ state })]) === "", isFrom(verb, state), `${verb} ${state}`);
  assert.notEqual(reasonAgainst("apply", [patch({ job: "/j/1" })]), "");
});

test("files are deleted only while nothing uses them and nobody works on the patch", () => {
  assert.equal(reasonAgainstUninstall(patch({ state: "not-applied" })), "");
  assert.match(reasonAgainstUninstall(patch({ state: "not-applied", job: "/j/1" })), /worked on/);
  for (const state of ["deactivated", "active", "accepted", "unknown"])
    assert.match(reasonAgainstUninstall(patch({ state })), /Remove the patch first/, state);
});

test("the way back leads from every state to every other one", () => {
  const states = ["not-applied", "deactivated", "active", "accepted"];
  const after: Record<string, string> = { apply: "active", activate: "active", accept: "accepted", revoke: "active", deactivate: "deactivated", remove: "not-applied" };
  for (const from of states)
    for (const to of states) {
      let state = from;
      for (const step of stepsBetween(from, to)) {
        assert.ok(isFrom(step.verb, state), `${step.verb} from ${state}`);
        state = step.loadOnly ? "deactivated" : after[step.verb];
      }
      assert.equal(state, to, `${from} -> ${to}`);
    }
});

test("undoing a batch takes one call per step, first steps first", () => {
  const calls = callsBack([
    { path: "/1", now: "active", before: "not-applied" },
    { path: "/2", now: "deactivated", before: "accepted" },
    { path: "/3", now: "active", before: "not-applied" },
    { path: "/4", now: "active", before: "active" },
  ]);
  assert.deepEqual(calls.map(call => [call.verb, call.paths]), [["remove", ["/1", "/3"]], ["activate", ["/2"]], ["accept", ["/2"]]]);
});

test("refusals of rights are one kind of failure whoever words them, all others keep their detail", () => {
  for (const name of ["AccessDenied", "InteractiveAuthorizationRequired"].map(word => `org.freedesktop.DBus.Error.${word}`))
    assert.equal(failureFrom(name, "x").kind, "not-authorised", name);
  assert.equal(failureFromProblem({ problem: "access-denied", name: null }).kind, "not-authorised");
  assert.equal(failureFrom("org.openeuler.SysCare1.Error.Cancelled", "").kind, "cancelled");
  const unknown = failureFrom("org.openeuler.SysCare1.Error.NewInTwoYears", "redis: broken");
  assert.equal(unknown.kind, "real");
  assert.equal(unknown.detail, "redis: broken");
  assert.equal(failureFromProblem(undefined).kind, "real");
});

test("what something else loaded is only looked at, and a kernel's problems have their own words", () => {
  const foreign = patch({ kind: "kernel", state: "active", problems: ["foreign"] });
  for (const verb of VERBS)
    assert.match(reasonAgainst(verb, [foreign]), /Something else loaded it/, verb);
  assert.notEqual(problemWords("target-changed", "kernel").sentence, problemWords("target-changed", "user").sentence);
  assert.match(summaryOf(patch({ kind: "kernel", state: "active", problems: ["transition-pending"] })), /switching its tasks over/);
  assert.match(summaryOf(patch({ kind: "kernel", state: "accepted", problems: ["not-loaded"] })), /doesn’t have the new code/);
  assert.match(summaryOf(patch({ kind: "kernel", state: "accepted", problems: ["target-changed"] })), /doesn’t have the new code/);
  assert.equal(reasonAgainst("activate", [patch({ kind: "kernel", state: "accepted", problems: ["not-loaded"] })]), "");
  assert.equal(reasonAgainst("activate", [patch({ state: "active", problems: ["processes-unpatched"] })]), "");
  assert.notEqual(reasonAgainst("activate", [patch({ state: "active", problems: [] })]), "");
});

test("words of the bus that this page doesn't know are shown as they came", () => {
  assert.equal(stateWord("frozen").word, "frozen");
  assert.equal(problemWords("new-problem", "user").sentence, "new-problem");
  assert.equal(phaseWords("dance", "running"), "dance");
  assert.equal(troubleWords("weather: rain"), "weather: rain");
  assert.match(troubleWords("settings: line 3"), /settings: line 3$/);
  assert.match(summaryOf(patch({ state: "active", processesPatched: 2 })), /2 of 3 processes/);
});

test("jobs: properties come in pieces, progress only where it is known", () => {
  const job = jobWith(jobWith(newJob("/j/1"), { Verb: s("apply"), State: s("running"), Cancelable: { t: "b", v: true } }), { Done: { t: "u", v: 1 } });
  assert.equal(job.verb, "apply");
  assert.equal(job.cancelable, true);
  assert.equal(percentage(job), undefined);
  assert.equal(percentage({ ...job, total: 4 }), 25);
  assert.ok(isEnded({ ...job, state: "cancelled" }));
  assert.deepEqual(resultsFrom([{ Patch: s("/p/1"), Result: s("succeeded") }])[0].processes, []);
});

test("placeholders and mnemonics of the shared texts", () => {
  assert.equal(format("%s: %u of %u (100%%)", "x", 1, 2), "x: 1 of 2 (100%)");
  assert.equal(format("Patch %.8s", "0123456789"), "Patch 01234567");
  assert.equal(withoutMnemonic("_Apply…"), "Apply…");
  assert.equal(withoutMnemonic("应用(_A)…"), "应用…");
});
