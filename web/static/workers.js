/**
 * The workers and their partitions.
 * @module workers
 */

import { element } from "./element.js";
import { durationWords, numberWords, runWords } from "./words.js";

const SILENT_MS = 10_000; // the figures above exclude it after this time

/**
 * Show workers by name.
 * @param {HTMLElement} place
 * @param {Array<Object>} workers
 */
export function showWorkers(place, workers) {
  const sorted = [...workers].sort((one, other) => one.instance.localeCompare(other.instance));
  place.replaceChildren(...sorted.map(cardOf));
}

/** One worker. */
function cardOf(worker) {
  const silent = worker.reported_ms_ago > SILENT_MS;
  const heard = silent ? `no pulse for ${durationWords(worker.reported_ms_ago)}` : "running";
  const figures = `${numberWords(worker.events_per_s)} events/s, p50 ${durationWords(worker.p50_ms)}, p99 ${durationWords(worker.p99_ms)}`;
  return element(
    "li",
    { class: "card worker" },
    element("p", { class: "head" }, element("b", {}, worker.instance), element("span", { class: `badge ${silent ? "badge-warn" : "badge-on"}` }, heard)),
    element("p", { class: "quiet" }, figures),
    tilesOf(worker),
    element("p", { class: "quiet" }, partitionWords(worker)),
    element("p", { class: "quiet" }, worker.generation ? element("code", {}, worker.generation) : "no generation in service", worker.generation ? ` revision ${worker.revision}` : ""),
  );
}

/** Format the partitions that a worker owns, and those that are not swept yet. */
function partitionWords({ partitions, partitions_swept: swept, generation }) {
  if (partitions.length === 0) return "no partition: other workers own all of them";
  const owned = `partition${partitions.length > 1 ? "s" : ""} ${runWords(partitions)}`;
  const waiting = generation ? partitions.filter((partition) => !swept.includes(partition)) : [];
  return waiting.length ? `${owned}; sweeping: ${runWords(waiting)}` : owned;
}

/** A tile per partition: full once all its listeners are folded under the generation. */
function tilesOf({ partitions, partitions_swept: swept }) {
  const tiles = [...partitions]
    .sort((one, other) => one - other)
    .map((partition) => element("span", { class: `tile${swept.includes(partition) ? " is-swept" : ""}` }, String(partition)));
  return element("div", { class: "tiles", "aria-hidden": "true" }, ...tiles);
}
