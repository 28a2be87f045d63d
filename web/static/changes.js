/**
 * The changes between two lists: pure functions, without DOM, clock or randomness.
 * @module changes
 */

import { durationWords, joined, nameOf } from "./words.js";

/**
 * @typedef {{item_id: string, title: string, share: number}} Reason
 * @typedef {{item_id: string, title: string, artist: string, score: number, rank: number, before: ?number,
 *   because: Reason[]}} Entry
 * @typedef {{item_id: string, title: string, rank_before: number}} Leaver
 * @typedef {{user_id: string, kind: string, generation: string, revision: number, plays: number, reason: string,
 *   made_at_ms: number, took_ms: ?number, entries: Entry[], left: Leaver[], first: boolean,
 *   partition?: number, offset?: number}} List
 * @typedef {{kind: "new"|"up"|"down"|"same"|"none", words: string}} Movement
 */

/**
 * Describe how an entry moved since the previous list.
 * @param {Entry} entry
 * @param {boolean} first whether there is no list to compare with
 * @returns {Movement}
 */
export function movement(entry, first) {
  if (first) return { kind: "none", words: "" };
  if (entry.before === null) return { kind: "new", words: "new" };
  const steps = entry.before - entry.rank;
  if (steps > 0) return { kind: "up", words: `up ${steps}` };
  if (steps < 0) return { kind: "down", words: `down ${-steps}` };
  return { kind: "same", words: "as before" };
}

/**
 * Split reasons into those for an item and those against it, largest first.
 * @param {Reason[]} because
 * @returns {{supporting: Reason[], opposing: Reason[]}}
 */
export function reasons(because) {
  const sorted = [...because].sort((one, other) => Math.abs(other.share) - Math.abs(one.share));
  return {
    supporting: sorted.filter((reason) => reason.share >= 0),
    opposing: sorted.filter((reason) => reason.share < 0),
  };
}

/**
 * Count the changes among the shown entries.
 * @param {List} list
 * @param {number} nShown
 * @returns {string} such as `2 new, 3 up, 1 down`; empty if nothing moved
 */
export function changeWords(list, nShown) {
  const counts = { new: 0, up: 0, down: 0 };
  for (const entry of list.entries.slice(0, nShown)) {
    const { kind } = movement(entry, list.first);
    if (kind in counts) counts[kind] += 1;
  }
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(", ");
}

/**
 * Describe the effect of a play on the list, for screen readers.
 * @param {string} played name of the item
 * @param {List} list
 * @param {number} nShown entries that are shown
 * @returns {string}
 */
export function changeSentence(played, list, nShown) {
  const took = list.took_ms === null ? "" : ` after ${durationWords(list.took_ms)}`;
  if (list.first) return `You played ${played}. The first list arrived${took}.`;
  const changes = changeWords(list, nShown);
  const leavers = list.left.filter((item) => item.rank_before <= nShown).map(nameOf);
  const left = leavers.length > 3 ? `${leavers.length} items` : joined(leavers);
  const parts = [changes, left && `${left} left`].filter(Boolean).join("; ");
  return `You played ${played}. The list changed${took}: ${parts || "the same items, with new scores"}.`;
}

/**
 * Compare a list without a predecessor, as after a lost connection, with the shown one.
 * @param {List} list
 * @param {?List} shown
 * @returns {List} the same list, or with its movements since `shown`
 */
export function comparedWith(list, shown) {
  if (!list.first || !shown || shown.user_id !== list.user_id) return list;
  if (shown.made_at_ms === list.made_at_ms) return shown;
  const ranks = new Map(shown.entries.map((entry) => [entry.item_id, entry.rank]));
  const now = new Set(list.entries.map((entry) => entry.item_id));
  const gone = shown.entries.filter((entry) => !now.has(entry.item_id));
  return {
    ...list,
    first: false,
    entries: list.entries.map((entry) => ({ ...entry, before: ranks.get(entry.item_id) ?? null })),
    left: gone.map(({ item_id, title, rank }) => ({ item_id, title, rank_before: rank })),
  };
}

/**
 * Return whether a list reflects a pressed play.
 * @param {List} list
 * @param {{partition: ?number, offset: ?number, playsBefore: number}} press offset: null until the gateway has answered
 * @returns {boolean}
 */
export function reflects(list, press) {
  if (list.offset === undefined) return list.plays > press.playsBefore;
  return press.offset !== null && list.partition === press.partition && list.offset >= press.offset;
}
