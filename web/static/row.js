/**
 * A row of the list: rank, item, reasons, movement, and a play button.
 * @module row
 */

import { movement, reasons } from "./changes.js";
import { element, playButton } from "./element.js";
import { nameOf, shareWords } from "./words.js";

const REASONS_MAX = 2;
const SHARE_MIN = 0.05;

/**
 * Create the cells of a row.
 * @param {import("./changes.js").Entry} entry
 * @param {boolean} first
 * @param {?HTMLElement} button the row's button if it exists: it may have the focus
 * @returns {HTMLElement[]}
 */
export function cells(entry, first, button) {
  const name = nameOf(entry);
  const moved = movement(entry, first);
  return [
    element("span", { class: "rank" }, String(entry.rank)),
    element(
      "div",
      { class: "item" },
      element("p", { class: "title" }, name),
      entry.artist ? element("p", { class: "artist" }, entry.artist) : null,
      whyOf(entry),
    ),
    element("span", { class: `move move-${moved.kind}` }, moved.words),
    button ?? playButton(entry, name),
  ];
}

/**
 * Create the text of an entry's reasons.
 * @param {import("./changes.js").Entry} entry
 * @returns {?HTMLElement}
 */
function whyOf(entry) {
  const { supporting, opposing } = reasons(entry.because);
  const weighty = (reason, place) => place === 0 || Math.abs(reason.share) >= SHARE_MIN;
  const named = supporting.filter(weighty).slice(0, REASONS_MAX).map(withShare);
  const against = opposing.slice(0, 1).map(withShare);
  if (named.length + against.length === 0) return null;
  const words = named.length ? ["because you played ", ...between(named, " and ")] : [];
  if (against.length) words.push(named.length ? ", in spite of " : "in spite of ", ...against[0]);
  return element("p", { class: "why" }, ...words);
}

/**
 * Name a played item with its share of the score.
 * @param {import("./changes.js").Reason} reason
 * @returns {Array<Node|string>}
 */
function withShare(reason) {
  return [element("b", {}, nameOf(reason)), "\u00a0", element("span", { class: "share" }, shareWords(reason.share))];
}

/**
 * Put words between parts.
 * @param {Array<Array<Node|string>>} parts
 * @param {string} words
 * @returns {Array<Node|string>}
 */
function between(parts, words) {
  return parts.flatMap((part, place) => (place ? [words, ...part] : part));
}
