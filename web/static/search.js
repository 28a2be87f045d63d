/**
 * The search for an item to play.
 * @module search
 */

import { element, playButton, setText } from "./element.js";
import { findItems } from "./gateway.js";
import { nameOf } from "./words.js";

const PAUSE_MS = 150;

/** The search field and its results. */
export class Search {
  /**
   * @param {{form: HTMLFormElement, field: HTMLInputElement, found: HTMLElement, note: HTMLElement}} parts
   */
  constructor(parts) {
    this.parts = parts;
    this.timer = 0;
    this.request = new AbortController();
    parts.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.find();
    });
    parts.field.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.find(), PAUSE_MS);
    });
  }

  /** Search for the field's text; an outdated answer is dropped. */
  async find() {
    clearTimeout(this.timer);
    this.request.abort();
    this.request = new AbortController();
    const query = this.parts.field.value.trim();
    if (!query) return this.show([], "");
    try {
      const items = await findItems(query, this.request.signal);
      this.show(items, items.length ? "" : `No item matches “${query}”. “playfold catalog load FILE” loads titles.`);
    } catch (error) {
      if (error.name !== "AbortError") this.show([], error.message);
    }
  }

  /**
   * Show items, each with its button.
   * @param {Array<{item_id: string, title: ?string, artist: ?string, kind: ?string}>} items
   * @param {string} note
   */
  show(items, note) {
    this.parts.found.replaceChildren(...items.map(resultOf));
    setText(this.parts.note, note || (items.length ? `${items.length} found` : ""));
    this.parts.note.classList.toggle("unseen", !note);
  }
}

/**
 * Make a row of a found item.
 * @param {{item_id: string, title: ?string, artist: ?string, kind: ?string}} item
 * @returns {HTMLElement}
 */
function resultOf(item) {
  const name = nameOf(item);
  const about = [item.artist, item.kind].filter(Boolean).join(" · ");
  const title = element("p", { class: "title" }, name);
  const words = element("div", { class: "item" }, title, about ? element("p", { class: "artist" }, about) : null);
  return element("li", { class: "found" }, words, playButton(item, name));
}
