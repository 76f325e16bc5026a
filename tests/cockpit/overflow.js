// SPDX-License-Identifier: GPL-2.0-or-later
// What a look at a picture would find: text that is cut off and things that stick out. Runs inside the page.

/** Descriptions of what is wrong; empty: nothing. */
export function findOverflow() {
  const found = [];
  const root = document.scrollingElement;
  const describe = element => `${element.tagName.toLowerCase()}.${String(element.className).split(" ")[0]} "${element.textContent.trim().slice(0, 40)}"`;
  if (root.scrollWidth > root.clientWidth)
    found.push(`the page is ${root.scrollWidth} wide in ${root.clientWidth}`);
  for (const element of document.querySelectorAll("#app *, [role=dialog] *")) {
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const hidden = box.width === 0 || box.height === 0 || style.visibility === "hidden" || element.closest(".syscare-visually-hidden, .pf-v6-screen-reader, .pf-v6-u-screen-reader, svg");
    if (hidden || element.closest("[aria-hidden=true]"))
      continue;
    const hasText = [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.textContent.trim() !== "");
    if (hasText && (box.left < -1 || box.right > root.clientWidth + 1))
      found.push(`sticks out: ${describe(element)}`);
    // Where it may be scrolled nothing is lost; a field shows a part of its text by nature.
    const clips = ["hidden", "clip"].includes(style.overflowX);
    if (clips && !["INPUT", "SELECT", "TEXTAREA"].includes(element.tagName) && element.scrollWidth > element.clientWidth + 1 && element.textContent.trim() !== "")
      found.push(`cut off: ${describe(element)} ${element.scrollWidth} in ${element.clientWidth}`);
    if (["auto", "scroll"].includes(style.overflowX) && element.scrollWidth > element.clientWidth + 1)
      found.push(`scrolls sideways: ${describe(element)} ${element.scrollWidth} in ${element.clientWidth}`);
  }
  return found;
}
