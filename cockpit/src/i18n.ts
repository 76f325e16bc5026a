// SPDX-License-Identifier: GPL-2.0-or-later
// Texts in the reader's language. The catalogs are shared with the command line and the desktop window, so the texts
// have their placeholders (%s, %u) and mnemonics (an underscore before a letter).
import cockpit from "./cockpit";

/** Marks a text for translation without translating it: for tables. */
export const N_ = (text: string): string => text;

/** Replaces %s, %u, %d and %.8s by @values one after another; %% is a percent sign. */
export function format(text: string, ...values: (string | number)[]): string {
  let next = 0;
  return text.replace(/%(?:\.(\d+))?([sud%])/g, (_match, most: string | undefined, kind: string) => {
    if (kind === "%")
      return "%";
    const value = String(values[next++] ?? "");
    return most ? value.slice(0, Number(most)) : value;
  });
}

/** @text translated, with its placeholders filled. */
export function _(text: string, ...values: (string | number)[]): string {
  return format(cockpit ? cockpit.gettext(text) : text, ...values);
}

/** The form of a text for @count, translated, with its placeholders filled. */
export function ngettext(one: string, many: string, count: number, ...values: (string | number)[]): string {
  return format(cockpit ? cockpit.ngettext(one, many, count) : count === 1 ? one : many, ...values);
}

/** A label of the desktop window as a web page shows it: without the letter that a key would reach. */
export function withoutMnemonic(label: string): string {
  return label.replace(/\(_.\)/, "").replace(/_(.)/, "$1");
}
