/**
 * The plays pressed on this page: sent, logged, and matched to the list that reflects them.
 * @module plays
 */

import { changeSentence, changeWords, reflects } from "./changes.js";
import { element, setText } from "./element.js";
import { sendPlay } from "./gateway.js";
import { clockWords, durationWords } from "./words.js";

const KEPT_MAX = 8;
const PATIENCE_MS = 5000;

/**
 * @typedef {{user: string, name: string, atMs: number, startedMs: number, partition: ?number, offset: ?number,
 *   playsBefore: number, open: boolean, status: HTMLElement}} Press
 */

/** The log, and a sentence about the last press. */
export class Plays {
  /**
   * @param {{log: HTMLElement, empty: HTMLElement, status: HTMLElement}} parts
   * @param {function(): string} whyLate returns a sentence on why no list has arrived
   */
  constructor(parts, whyLate) {
    this.parts = parts;
    this.whyLate = whyLate;
    /** @type {Press[]} */
    this.presses = [];
    /** @type {?{list: import("./changes.js").List, seenMs: number}} */
    this.latest = null;
  }

  /**
   * Send a play and log its result.
   * @param {string} user
   * @param {string} item
   * @param {string} name
   * @returns {Promise<void>}
   */
  async press(user, item, name) {
    const press = this.begin(user, name);
    try {
      Object.assign(press, await sendPlay(user, item));
    } catch (error) {
      this.end(press, error.message);
      this.say(`${name} was not played. ${error.message}`, "warn");
      return;
    }
    if (press.open) setText(press.status, "is in Kafka; waiting for the list");
    if (this.latest) this.settle(this.latest);
    setTimeout(() => this.late(press), PATIENCE_MS);
  }

  /**
   * Add a play to the log.
   * @param {string} user
   * @param {string} name
   * @returns {Press}
   */
  begin(user, name) {
    const status = element("span", { class: "told" }, "being sent");
    const atMs = Date.now();
    const playsBefore = this.latest?.list.plays ?? 0;
    const press = { user, name, atMs, startedMs: performance.now(), partition: null, offset: null, playsBefore, status };
    const time = element("time", {}, clockWords(atMs));
    this.parts.log.prepend(element("li", {}, time, element("span", { class: "title" }, name), status));
    while (this.parts.log.children.length > KEPT_MAX) this.parts.log.lastElementChild.remove();
    this.presses.push(Object.assign(press, { open: true }));
    this.parts.empty.hidden = true;
    return press;
  }

  /**
   * Close a press.
   * @param {Press} press
   * @param {string} words
   */
  end(press, words) {
    press.open = false;
    setText(press.status, words);
    this.presses = this.presses.filter((other) => other !== press);
  }

  /**
   * Close the presses that a list reflects, and describe the change.
   * @param {{list: import("./changes.js").List, seenMs: number}} latest
   */
  settle(latest) {
    this.latest = latest;
    const { list, seenMs } = latest;
    const reflected = this.presses.filter((press) => press.user === list.user_id && reflects(list, press));
    for (const press of reflected) {
      const words = [`list ${durationWords(list.took_ms)}`, `on this page ${durationWords(seenMs - press.startedMs)}`];
      this.end(press, `${words.join(", ")}; ${changeWords(list, this.nShown()) || "the same items"}`);
    }
    if (reflected.length) {
      this.say(changeSentence(reflected[reflected.length - 1].name, list, this.nShown()));
    }
  }

  /** Return how many entries are shown; the page replaces this function. */
  nShown() {
    return 10;
  }

  /**
   * Report that no list arrived.
   * @param {Press} press
   */
  late(press) {
    if (!press.open) return;
    const words = this.whyLate();
    setText(press.status, words);
    this.say(`You played ${press.name}. ${words}`, "warn");
  }

  /**
   * Show a sentence, which screen readers announce.
   * @param {string} sentence
   * @param {"plain"|"warn"} [tone]
   */
  say(sentence, tone = "plain") {
    this.parts.status.dataset.tone = tone;
    setText(this.parts.status, sentence);
  }

  /** Clear the list of the previous listener. */
  reset() {
    this.latest = null;
    this.say("");
  }
}
