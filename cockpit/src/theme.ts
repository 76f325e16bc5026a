// SPDX-License-Identifier: GPL-2.0-or-later
// Follows the shell's light or dark look: what the user chose there, else what the browser prefers.
const KEY = "shell:style";
const CLASS = "pf-v6-theme-dark";

export function followTheme(): void {
  const preference = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = (chosen: string | null): void => {
    const dark = chosen === "dark" || (chosen !== "light" && preference.matches);
    document.documentElement.classList.toggle(CLASS, dark);
  };
  const applyStored = (): void => apply(localStorage.getItem(KEY));

  applyStored();
  preference.addEventListener("change", applyStored);
  window.addEventListener("storage", event => event.key === KEY && applyStored());
  // The shell announces a choice in this window by an event of its own.
  window.addEventListener("cockpit-style", event => apply((event as CustomEvent<{ style?: string }>).detail?.style ?? localStorage.getItem(KEY)));
}
