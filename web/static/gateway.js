/**
 * The page's requests to the gateway, besides its stream.
 * @module gateway
 */

/** A failed request; its message is a sentence for the reader. */
export class GatewayError extends Error {}

/**
 * Send a request and return the JSON of the answer.
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<Object>}
 */
async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new GatewayError("The gateway does not answer. Is it running?");
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.status === 401) throw new GatewayError("You are logged out: reload the page to log in.");
  if (!answer.ok) throw new GatewayError(refusal(answer, body));
  return body;
}

/**
 * Return the sentence of a refused request.
 * @param {Response} answer
 * @param {{title?: string, detail?: string, results?: Array<{error?: string}>}} problem
 * @returns {string}
 */
function refusal(answer, problem) {
  const why = problem.results?.find((result) => result.error)?.error ?? problem.detail ?? problem.title;
  const later = answer.headers.get("Retry-After");
  return `${why ?? `The gateway answered ${answer.status}.`}${later ? ` Try again in ${later} s.` : ""}`;
}

/**
 * Return whether the session has expired, which an event source cannot see.
 * @returns {Promise<boolean>}
 */
export async function isLoggedOut() {
  const answer = await fetch("/live/listeners?limit=1", { credentials: "same-origin" }).catch(() => null);
  return answer?.status === 401;
}

/**
 * Send a play.
 * @param {string} user
 * @param {string} item
 * @returns {Promise<{partition: number, offset: number}>} its place on the topic
 */
export async function sendPlay(user, item) {
  const answer = await ask("/v1/plays", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user_id: user, item_id: item, played_at_ms: Date.now() }),
  });
  const [result] = answer.results;
  if (result.error) throw new GatewayError(result.error);
  return result;
}

/**
 * Get the reasons of an item that the list itself does not explain.
 * @param {string} user
 * @param {string} item
 * @returns {Promise<import("./changes.js").Reason[]>} shares are parts of the score; none if the score is not above 0
 */
export async function reasonsOf(user, item) {
  const { score, reasons } = await ask(`/v1/users/${encodeURIComponent(user)}/because/${encodeURIComponent(item)}`);
  if (!(score > 0)) return [];
  return reasons.map((reason) => ({ ...reason, share: Math.max(-1, Math.min(1, reason.share / score)) }));
}

/**
 * Find items by a part of their title or artist.
 * @param {string} query
 * @param {AbortSignal} signal
 * @returns {Promise<Array<{item_id: string, title: ?string, artist: ?string, kind: ?string}>>}
 */
export async function findItems(query, signal) {
  return (await ask(`/v1/items?query=${encodeURIComponent(query)}&limit=8`, { signal })).items;
}

/**
 * Find listeners whose id begins with the query.
 * @param {string} query
 * @param {AbortSignal} signal
 * @returns {Promise<string[]>}
 */
export async function findListeners(query, signal) {
  return (await ask(`/live/listeners?query=${encodeURIComponent(query)}&limit=12`, { signal })).listeners;
}
