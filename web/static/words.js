/**
 * Text for names, numbers and times: pure functions, without DOM, clock or randomness.
 * @module words
 */

const LETTERS = "23456789abcdefghjkmnpqrstvwxyz"; // no characters that look alike
const MINUTE_MS = 60_000;

/**
 * Format a share of a score in percent, with a minus sign.
 * @param {number} share part of the score, 1 is all of it
 * @returns {string}
 */
export function shareWords(share) {
  const percent = Math.round(Math.abs(share) * 100);
  const sign = share < 0 ? "−" : "";
  return percent === 0 ? `${sign}<1 %` : `${sign}${percent} %`;
}

/**
 * Return an item's title, or its id if the catalog has no title.
 * @param {{item_id: string, title: ?string}} item
 * @returns {string}
 */
export function nameOf(item) {
  return item.title || item.item_id;
}

/**
 * Join words with commas and a final "and".
 * @param {string[]} words
 * @returns {string}
 */
export function joined(words) {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}

/**
 * Format a duration.
 * @param {?number} ms
 * @returns {string}
 */
export function durationWords(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  return ms < MINUTE_MS ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / MINUTE_MS)} min`;
}

/**
 * Format the time since a moment.
 * @param {number} ms
 * @returns {string}
 */
export function agoWords(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 2) return "just now";
  if (seconds < 100) return `${seconds} s ago`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min ago`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h ago` : `${Math.round(hours / 24)} days ago`;
}

/**
 * Format a number: whole ones with separators, small ones with a decimal.
 * @param {?number} value
 * @returns {string}
 */
export function numberWords(value) {
  if (value === null || value === undefined) return "–";
  const digits = Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : 1;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/**
 * Format a rate in percent.
 * @param {?number} value 1 is 100 %
 * @returns {string}
 */
export function rateWords(value) {
  return value === null || value === undefined ? "–" : `${(value * 100).toFixed(1)} %`;
}

/**
 * Format the interval of a rate, in percent.
 * @param {?number} low
 * @param {?number} high
 * @returns {string} empty if there is none
 */
export function bandWords(low, high) {
  return low === null || high === null ? "" : `${(low * 100).toFixed(1)} to ${(high * 100).toFixed(1)}`;
}

/**
 * Format a rate with its 95 % interval.
 * @param {?{value: number, low: number, high: number}} rate
 * @returns {string}
 */
export function intervalWords(rate) {
  return rate ? `${rateWords(rate.value)} (${bandWords(rate.low, rate.high)})` : "–";
}

/**
 * Format numbers, with runs as ranges.
 * @param {number[]} numbers
 * @returns {string} such as `0–3, 6`
 */
export function runWords(numbers) {
  const runs = [];
  for (const number of [...numbers].sort((one, other) => one - other)) {
    const last = runs[runs.length - 1];
    if (last && last[1] === number - 1) last[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(", ");
}

/**
 * Format a time of the day.
 * @param {number} ms since 1970
 * @param {boolean} [seconds]
 * @returns {string}
 */
export function clockWords(ms, seconds = true) {
  const at = new Date(ms);
  const parts = [at.getHours(), at.getMinutes(), ...(seconds ? [at.getSeconds()] : [])];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

/**
 * Make an id for a new listener out of random bytes.
 * @param {Uint8Array} bytes
 * @returns {string} such as `visitor-x7k2`
 */
export function visitorId(bytes) {
  return `visitor-${Array.from(bytes, (byte) => LETTERS[byte % LETTERS.length]).join("")}`;
}
