/**
 * The server-sent events of the gateway, opened again whenever they end.
 * @module stream
 */

import { isLoggedOut } from "./gateway.js";

const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 15_000;
const EVENTS = ["history", "figures", "list"];

/** One listener's stream. It reports `live`, `connecting`, `lost` or `ended`, and every event by its name. */
export class Stream {
  /**
   * @param {Object<string, function(Object): void>} handlers by the event's name
   * @param {function("connecting"|"live"|"lost"|"ended"): void} onState
   */
  constructor(handlers, onState) {
    this.handlers = handlers;
    this.onState = onState;
    this.user = "";
    this.retryMs = RETRY_FIRST_MS;
    this.source = null;
    this.timer = 0;
  }

  /**
   * Follow a listener; an empty name follows the figures alone.
   * @param {string} user
   */
  follow(user) {
    this.user = user;
    this.retryMs = RETRY_FIRST_MS;
    this.onState("connecting");
    this.open();
  }

  /** Open a connection in place of the previous one. */
  open() {
    clearTimeout(this.timer);
    this.source?.close();
    const source = new EventSource(this.user ? `/live/events?user=${encodeURIComponent(this.user)}` : "/live/events");
    this.source = source;
    source.onopen = () => {
      this.retryMs = RETRY_FIRST_MS;
      this.onState("live");
    };
    source.onerror = () => this.lost(source);
    for (const name of EVENTS) {
      source.addEventListener(name, (event) => this.handlers[name](JSON.parse(event.data)));
    }
  }

  /**
   * Report a lost connection. The browser reconnects by itself, unless the gateway answered with an error.
   * @param {EventSource} source
   */
  async lost(source) {
    if (source !== this.source) return;
    this.onState("lost");
    if (source.readyState !== EventSource.CLOSED) return;
    if (await isLoggedOut()) {
      this.onState("ended");
      return;
    }
    this.timer = setTimeout(() => this.open(), this.retryMs);
    this.retryMs = Math.min(2 * this.retryMs, RETRY_MAX_MS);
  }
}
