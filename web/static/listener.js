/**
 * Who is listened for: a field with suggestions, or somebody new.
 * @module listener
 */

import { element } from "./element.js";
import { findListeners } from "./gateway.js";
import { visitorId } from "./words.js";

const PAUSE_MS = 120;
const ID_BYTES = 4;

/** The form that chooses; it tells by `onChoose`. */
export class ListenerForm {
  /**
   * @param {{form: HTMLFormElement, field: HTMLInputElement, options: HTMLElement, fresh: HTMLElement}} parts
   * @param {function(string): void} onChoose
   */
  constructor(parts, onChoose) {
    this.parts = parts;
    this.onChoose = onChoose;
    this.timer = 0;
    this.asked = new AbortController();
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
   * Become a listener whom nobody knows.
   * @returns {string} the id
   */
  chooseNew() {
    const user = visitorId(crypto.getRandomValues(new Uint8Array(ID_BYTES)));
    this.onChoose(user);
    return user;
  }

  /** Ask for suggestions once the typing rests. */
  suggestSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.suggest(), PAUSE_MS);
  }

  /** Offer the listeners whose id begins as the field does. */
  async suggest() {
    this.asked.abort();
    this.asked = new AbortController();
    try {
      const found = await findListeners(this.parts.field.value.trim(), this.asked.signal);
      this.parts.options.replaceChildren(...found.map((user) => element("option", { value: user })));
    } catch {
      // Suggestions are a comfort: without them the field takes any id.
    }
  }
}
