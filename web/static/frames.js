/**
 * The figures of the last ten minutes, column by column as a chart wants them.
 * @module frames
 */

export const WINDOW_S = 600;
const WINDOW_MIN_S = 60;

/** Columns that a history and a second's figures have by the same name. */
const PLAIN = ["plays_per_s", "lag", "p50_ms", "p99_ms"];
const RATES = ["own", "popular"];
export const COLUMNS = [...PLAIN, ...RATES.flatMap((name) => [name, `${name}_low`, `${name}_high`])];

/** A table with a row a second, the oldest rows dropped. */
export class Frames {
  constructor() {
    /** @type {number[]} seconds since 1970 */
    this.atS = [];
    /** @type {Object<string, Array<?number>>} */
    this.columns = Object.fromEntries(COLUMNS.map((name) => [name, []]));
  }

  /**
   * Replace all rows by the gateway's history.
   * @param {Object<string, Array<?number>>} history
   */
  replace(history) {
    this.atS = history.at_ms.map((ms) => ms / 1000);
    for (const name of COLUMNS) this.columns[name] = this.atS.map((_, row) => history[name]?.[row] ?? null);
    this.trim();
  }

  /**
   * Append a second, unless it is there already.
   * @param {Object} figures
   */
  push(figures) {
    const atS = figures.at_ms / 1000;
    if (this.atS.length && atS <= this.atS[this.atS.length - 1]) return;
    this.atS.push(atS);
    for (const name of PLAIN) this.columns[name].push(figures[name] ?? null);
    for (const name of RATES) {
      this.columns[name].push(figures[name]?.value ?? null);
      this.columns[`${name}_low`].push(figures[name]?.low ?? null);
      this.columns[`${name}_high`].push(figures[name]?.high ?? null);
    }
    this.trim();
  }

  /** Drop rows older than the window. */
  trim() {
    const oldest = (this.atS[this.atS.length - 1] ?? 0) - WINDOW_S;
    const nOld = this.atS.findIndex((atS) => atS >= oldest);
    if (nOld < 1) return;
    this.atS.splice(0, nOld);
    for (const name of COLUMNS) this.columns[name].splice(0, nOld);
  }

  /**
   * Return the time span to show, at least a minute.
   * @returns {[number, number]} seconds since 1970
   */
  span() {
    const last = this.atS[this.atS.length - 1] ?? WINDOW_MIN_S;
    return [Math.min(this.atS[0] ?? 0, last - WINDOW_MIN_S), last];
  }

  /**
   * Return whether a column has a number.
   * @param {string} name
   * @param {boolean} [zeroIsNone]
   * @returns {boolean}
   */
  has(name, zeroIsNone = false) {
    return this.columns[name].some((value) => value !== null && !(zeroIsNone && value === 0));
  }
}
