/**
 * The generations and their quality.
 * @module generations
 */

import { element } from "./element.js";
import { agoWords, intervalWords, numberWords } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 200;

/**
 * Show generations, the newest first.
 * @param {HTMLElement} place
 * @param {Array<Object>} generations
 * @param {number} nowMs
 */
export function showGenerations(place, generations, nowMs) {
  const highest = Math.max(0.001, ...generations.map((each) => each.quality?.hit_at_20?.high ?? 0));
  place.replaceChildren(...generations.map((each) => cardOf(each, highest, nowMs)));
}

/** One generation. */
function cardOf(generation, highest, nowMs) {
  const rate = generation.quality?.hit_at_20 ?? null;
  const sizes = `${numberWords(generation.n_listeners)} listeners, ${numberWords(generation.n_items)} items`;
  const made = Date.parse(generation.created_at);
  return element(
    "li",
    { class: `card generation${generation.serving ? " is-serving" : ""}` },
    element("p", { class: "head" }, element("code", {}, generation.generation_id), badgeOf(generation)),
    element("p", { class: "quiet" }, Number.isNaN(made) ? "" : `${agoWords(nowMs - made)}, `, sizes),
    rate ? intervalOf(rate, highest) : null,
    element("p", { class: "quiet" }, rate ? `hit@20 ${intervalWords(rate)}` : "not measured: too few listeners for a hold-out"),
  );
}

/** The badge of a generation in service, or of a rejected one. */
function badgeOf({ serving, rejected }) {
  if (serving) return element("span", { class: "badge badge-on" }, "in service");
  return rejected ? element("span", { class: "badge badge-warn" }, "rejected: worse") : null;
}

/** A value and its 95 % interval on a line from 0; the words beside it say the same. */
function intervalOf({ value, low, high }, highest) {
  const at = (rate) => ((rate / highest) * (WIDTH - 12) + 6).toFixed(1);
  const drawn = svg("svg", { class: "interval", viewBox: `0 0 ${WIDTH} 14`, "aria-hidden": "true", preserveAspectRatio: "none" });
  drawn.append(
    svg("line", { class: "rail", x1: 0, x2: WIDTH, y1: 7, y2: 7 }),
    svg("line", { class: "reach", x1: at(low), x2: at(high), y1: 7, y2: 7 }),
    svg("line", { class: "value", x1: at(value), x2: at(value), y1: 1, y2: 13 }),
  );
  return drawn;
}

/** An element of a drawing. */
function svg(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
