/**
 * The choice of a listener: a field with suggestions, or a new listener.
 * @module listener
 */

import { element } from "./element.js";
import { findListeners } from "./gateway.js";
import { visitorId } from "./words.js";

const PAUSE_MS = 120;
const ID_BYTES = 4;

/** The form; it calls `onChoose` with the id. */
export class ListenerForm {
  /**
   * @param {{form: HTMLFormElement, field: HTMLInputElement, options: HTMLElement, fresh: HTMLElement}} parts
   * @param {function(string): void} onChoose
   */
  constructor(parts, onChoose) {
    this.parts = parts;
    this.onChoose = onChoose;
    this.timer = 0;
    this.request = new AbortController();
    parts.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const user = parts.field.value.trim();
      if (user) onChoose(user);
    });
    parts.field.addEventListener("input", () => this.suggestSoon());
    parts.field.addEventListener("focus", () => this.suggestSoon());
    parts.fresh.addEventListener("click", () => this.chooseNew());
  }

  /**
   * Choose a new listener with a random id.
   * @returns {string} the id
   */
  chooseNew() {
    const user = visitorId(crypto.getRandomValues(new Uint8Array(ID_BYTES)));
    this.onChoose(user);
    return user;
  }

  /** Request suggestions once typing pauses. */
  suggestSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.suggest(), PAUSE_MS);
  }

  /** Suggest listeners whose id begins with the field's text. */
  async suggest() {
    this.request.abort();
    this.request = new AbortController();
    try {
      const listeners = await findListeners(this.parts.field.value.trim(), this.request.signal);
      this.parts.options.replaceChildren(...listeners.map((user) => element("option", { value: user })));
    } catch {
      // Suggestions are optional: without them the field accepts any id.
    }
  }
}
