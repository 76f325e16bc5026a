// SPDX-License-Identifier: GPL-2.0-or-later
// Turns gettext catalogs into the files that Cockpit loads beside a page: po.LANGUAGE.js for the page's own texts and
// po.manifest.LANGUAGE.js for those of the manifest, which the shell shows.
import fs from "node:fs";
import path from "node:path";
import gettext from "gettext-parser";

const RIGHT_TO_LEFT = ["ar", "fa", "he", "ur"];

// The plural rule of a catalog as the body of a function; only what such a rule may consist of is let through.
function pluralRule(header) {
  const match = /plural=([n0-9\s%&|?:<>=!()+-]+);?\s*$/.exec(header ?? "");
  if (!match)
    throw new Error(`no sound Plural-Forms: ${header}`);
  return match[1].trim();
}

// The texts that a file marks: _("…"), N_("…"), ngettext("…", …), always one literal. References of the catalogs may be
// stale and line numbers are in nobody's interest, so the sources themselves say what they need.
function textsOf(source) {
  const marked = /\b(?:N?_|ngettext)\(\s*"((?:[^"\\]|\\.)*)"/g;
  return new Set([...source.matchAll(marked)].map(match => JSON.parse(`"${match[1]}"`)));
}

function sourcesIn(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const name = path.join(folder, entry.name);
    return entry.isDirectory() ? sourcesIn(name) : /\.tsx?$/.test(name) ? [name] : [];
  });
}

function entriesOf(catalog, wanted) {
  const entries = {};
  for (const entry of Object.values(catalog.translations[""] ?? {})) {
    const done = entry.msgstr.every(text => text !== "") && !/fuzzy/.test(entry.comments?.flag ?? "");
    if (entry.msgid && done && wanted.has(entry.msgid))
      entries[entry.msgid] = [entry.msgid_plural ?? null, ...entry.msgstr];
  }
  return entries;
}

function script(language, rule, entries) {
  const direction = RIGHT_TO_LEFT.includes(language.split("_")[0]) ? "rtl" : "ltr";
  const header = `"": {"plural-forms": n => ${rule}, "language": ${JSON.stringify(language)}, "language-direction": "${direction}"}`;
  const lines = Object.entries(entries).map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  return `cockpit.locale({${[header, ...lines].join(",\n")}});\n`;
}

/** Writes the files for every catalog of the folder @from into the folder @to, with the texts of the page in @source. */
export function writeCatalogs(from, to, source) {
  const texts = new Set(sourcesIn(source).flatMap(name => [...textsOf(fs.readFileSync(name, "utf8"))]));
  const manifest = JSON.parse(fs.readFileSync(path.join(source, "manifest.json"), "utf8"));
  const labels = new Set(Object.values(manifest.menu).map(entry => entry.label));
  for (const name of fs.readdirSync(from).filter(file => file.endsWith(".po"))) {
    const language = path.basename(name, ".po");
    const catalog = gettext.po.parse(fs.readFileSync(path.join(from, name)));
    const rule = pluralRule(catalog.headers["Plural-Forms"]);
    fs.writeFileSync(path.join(to, `po.${language}.js`), script(language, rule, entriesOf(catalog, texts)));
    fs.writeFileSync(path.join(to, `po.manifest.${language}.js`), script(language, rule, entriesOf(catalog, labels)));
  }
}
