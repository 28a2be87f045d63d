/**
 * The latest rejected events.
 * @module rejects
 */

import { element } from "./element.js";
import { clockWords } from "./words.js";

/**
 * Show the latest rejects, the newest first.
 * @param {HTMLElement} place
 * @param {Array<{at_ms: number, partition: number, offset: number, reason: string}>} latest
 */
export function showRejects(place, latest) {
  place.replaceChildren(
    ...latest.map(({ at_ms: atMs, partition, offset, reason }) =>
      element("li", {}, element("time", {}, clockWords(atMs)), element("code", {}, `${partition}:${offset}`), element("span", {}, reason)),
    ),
  );
}
