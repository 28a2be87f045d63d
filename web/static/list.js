/**
 * The list of the chosen listener: its rows move when it changes.
 * @module list
 */

import { element, setText } from "./element.js";
import { reasonsOf } from "./gateway.js";
import { cells } from "./row.js";
import { agoWords, durationWords, nameOf, numberWords } from "./words.js";

const FEW = 10;
const MOVE = { duration: 480, easing: "cubic-bezier(.2, .8, .2, 1)" };
const APPEAR = { duration: 640, easing: "ease-out" };

const KINDS = {
  personal: "from their own plays",
  blended: "from their own plays and the popular list",
  popular: "the popular list, until their first play",
};
const WHY = {
  first: "the first list",
  generation: "another generation is in service",
  repeated: "a play was delivered again",
  changed: "a play changed it",
  renewed: "renewed before it expires",
};

/** Rows by item: a row that stays is the same element, moved. */
export class ListView {
  /**
   * @param {{rows: HTMLElement, facts: HTMLElement, took: HTMLElement, left: HTMLElement, empty: HTMLElement,
   *   more: HTMLElement}} parts
   */
  constructor(parts) {
    this.parts = parts;
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.all = false;
    this.clear("");
    parts.more.addEventListener("click", () => this.toggle());
  }

  /** The number of entries that are shown. */
  get nShown() {
    return this.all ? (this.list?.entries.length ?? FEW) : FEW;
  }

  /**
   * Show a message in place of the list.
   * @param {string} why
   */
  clear(why) {
    /** @type {?import("./changes.js").List} */
    this.list = null;
    /** @type {Map<string, HTMLElement>} */
    this.rowOf = new Map();
    this.parts.rows.replaceChildren();
    this.parts.facts.replaceChildren();
    this.parts.took.hidden = true;
    this.parts.left.replaceChildren();
    this.parts.more.hidden = true;
    this.parts.empty.hidden = why === "";
    setText(this.parts.empty, why);
  }

  /** Show all entries, or the first few again. */
  toggle() {
    this.all = !this.all;
    if (this.list) this.show(this.list);
  }

  /**
   * Show a list. Rows that stay slide to their new place, new ones appear.
   * @param {import("./changes.js").List} list
   */
  show(list) {
    this.list = list;
    this.parts.empty.hidden = list.entries.length > 0;
    if (list.entries.length === 0) setText(this.parts.empty, "The list is empty: no item can be recommended at the moment.");
    const before = this.tops();
    this.keepingFocus(() => this.place(list));
    this.animate(before);
    this.showFacts(list);
    this.showLeft(list);
    this.showMore(list);
  }

  /** Return the top of every row, by item. */
  tops() {
    return new Map([...this.rowOf].map(([item, row]) => [item, row.getBoundingClientRect().top]));
  }

  /**
   * Put the rows of a list in its order.
   * @param {import("./changes.js").List} list
   */
  place(list) {
    const explain = list.kind === "popular" ? null : (item) => reasonsOf(list.user_id, item);
    const rows = list.entries.slice(0, this.nShown).map((entry) => {
      const row = this.rowOf.get(entry.item_id) ?? element("li", { class: "row", "data-item": entry.item_id });
      row.replaceChildren(...cells(entry, list.first, row.querySelector("button"), explain));
      return row;
    });
    this.rowOf = new Map(rows.map((row) => [row.dataset.item, row]));
    this.parts.rows.replaceChildren(...rows);
  }

  /**
   * Change rows and keep the focus: on the same item, or on the one now at its place.
   * @param {function(): void} change
   */
  keepingFocus(change) {
    const focused = document.activeElement;
    const row = this.parts.rows.contains(focused) ? focused.closest(".row") : null;
    const place = row ? [...this.parts.rows.children].indexOf(row) : -1;
    change();
    if (!row) return;
    const { children } = this.parts.rows;
    const next = row.isConnected ? row : children[Math.min(place, children.length - 1)];
    next?.querySelector("button")?.focus({ preventScroll: true });
  }

  /**
   * Animate the rows from their old places (FLIP: first, last, invert, play).
   * @param {Map<string, number>} before
   */
  animate(before) {
    if (this.calm.matches || before.size === 0) return;
    for (const [item, top] of this.tops()) {
      const row = this.rowOf.get(item);
      if (!before.has(item)) {
        row.animate([{ opacity: 0, transform: "translateX(-12px)" }, { opacity: 1, transform: "none" }], APPEAR);
      } else if (before.get(item) !== top) {
        row.animate([{ transform: `translateY(${before.get(item) - top}px)` }, { transform: "none" }], MOVE);
      }
    }
  }

  /**
   * Show the kind, age and generation of the list.
   * @param {import("./changes.js").List} list
   */
  showFacts(list) {
    const fact = (name, ...value) => element("div", {}, element("dt", {}, name), element("dd", {}, ...value));
    this.at = element("span", {});
    this.parts.took.hidden = list.took_ms === null;
    setText(this.parts.took.querySelector("strong"), durationWords(list.took_ms));
    this.parts.facts.replaceChildren(
      fact("Kind", element("b", {}, list.kind), `: ${KINDS[list.kind] ?? ""}`),
      fact("Made", this.at, `: ${WHY[list.reason] ?? list.reason}`),
      fact("Plays", numberWords(list.plays)),
      fact("Generation", element("code", {}, list.generation), ` revision ${list.revision}`),
    );
    this.tick(Date.now());
  }

  /**
   * Update the age of the list.
   * @param {number} nowMs
   */
  tick(nowMs) {
    if (this.list && this.at) setText(this.at, agoWords(nowMs - this.list.made_at_ms));
  }

  /**
   * Show the items that left the list.
   * @param {import("./changes.js").List} list
   */
  showLeft(list) {
    const chips = list.left
      .filter((item) => item.rank_before <= this.nShown)
      .map((item) => element("li", { class: "chip" }, nameOf(item), element("small", {}, ` was ${item.rank_before}`)));
    const label = element("span", { class: "label" }, "Left the list");
    this.parts.left.replaceChildren(...(chips.length ? [label, element("ul", {}, ...chips)] : []));
  }

  /**
   * Offer the rest of the list.
   * @param {import("./changes.js").List} list
   */
  showMore(list) {
    this.parts.more.hidden = list.entries.length <= FEW;
    setText(this.parts.more, this.all ? `Show the first ${FEW}` : `Show all ${list.entries.length}`);
    this.parts.more.setAttribute("aria-expanded", String(this.all));
  }
}
