/**
 * A row of the list: rank, item, reasons, movement, and a play button.
 * @module row
 */

import { movement, reasons } from "./changes.js";
import { element, playButton } from "./element.js";
import { GatewayError } from "./gateway.js";
import { nameOf, shareWords } from "./words.js";

const REASONS_MAX = 2;
const SHARE_MIN = 0.05;

/**
 * Create the cells of a row.
 * @param {import("./changes.js").Entry} entry
 * @param {boolean} first
 * @param {?HTMLElement} button the row's button if it exists: it may have the focus
 * @param {?function(string): Promise<import("./changes.js").Reason[]>} explain gets the reasons of an item on request;
 *   null if nothing explains this list
 * @returns {HTMLElement[]}
 */
export function cells(entry, first, button, explain) {
  const name = nameOf(entry);
  const moved = movement(entry, first);
  return [
    element("span", { class: "rank" }, String(entry.rank)),
    element(
      "div",
      { class: "item" },
      element("p", { class: "title" }, name),
      entry.artist ? element("p", { class: "artist" }, entry.artist) : null,
      whyOf(entry, explain),
    ),
    element("span", { class: `move move-${moved.kind}` }, moved.words),
    button ?? playButton(entry, name),
  ];
}

/**
 * Create the text of an entry's reasons, or where the list does not name them a way to request them.
 * @param {import("./changes.js").Entry} entry
 * @param {?function(string): Promise<import("./changes.js").Reason[]>} explain
 * @returns {?HTMLElement}
 */
function whyOf(entry, explain) {
  const words = whyWords(entry.because);
  if (words.length) return element("p", { class: "why" }, ...words);
  if (!explain) return null;
  const answer = element("p", {});
  const asked = element("details", { class: "why" }, element("summary", {}, "Why?"), answer);
  asked.addEventListener("toggle", () => {
    if (asked.open && !answer.dataset.known) fill(answer, explain(entry.item_id));
  });
  return asked;
}

/**
 * Show reasons once they arrive, or the sentence of a failure.
 * @param {HTMLElement} answer
 * @param {Promise<import("./changes.js").Reason[]>} arriving
 */
async function fill(answer, arriving) {
  answer.replaceChildren("Reading the plays…");
  try {
    const words = whyWords(await arriving);
    answer.replaceChildren(...(words.length ? words : ["No play adds to its score."]));
    answer.dataset.known = "yes";
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    answer.replaceChildren(error.message);
  }
}

/**
 * Put reasons into words.
 * @param {import("./changes.js").Reason[]} because
 * @returns {Array<Node|string>} empty without reasons
 */
function whyWords(because) {
  const { supporting, opposing } = reasons(because);
  const weighty = (reason, place) => place === 0 || Math.abs(reason.share) >= SHARE_MIN;
  const named = supporting.filter(weighty).slice(0, REASONS_MAX).map(withShare);
  const against = opposing.slice(0, 1).map(withShare);
  const words = named.length ? ["because you played ", ...between(named, " and ")] : [];
  if (against.length) words.push(named.length ? ", in spite of " : "in spite of ", ...against[0]);
  return words;
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
