/**
 * The figures over time, drawn by uPlot.
 * @module charts
 */

import uPlot from "./vendor/uplot/uPlot.esm.js";
import { setText } from "./element.js";
import { bandWords, clockWords, durationWords, numberWords, rateWords } from "./words.js";

const HEIGHT = 148;
const SHORT_S = 240;

/** The series of every chart; the template has a figure `chart-<name>` with a readout per series. */
const CHARTS = {
  plays: { series: [{ column: "plays_per_s", line: "accent", fill: true }], words: numberWords, atLeast: 1, zeroIsNone: true },
  lag: { series: [{ column: "lag", line: "accent", fill: true }], words: numberWords, atLeast: 10 },
  latency: {
    series: [{ column: "p50_ms", line: "accent" }, { column: "p99_ms", line: "quiet" }],
    words: durationWords,
    atLeast: 10,
  },
  hits: {
    series: [{ column: "own", line: "accent", band: true }, { column: "popular", line: "quiet", band: true }],
    words: rateWords,
    atLeast: 0.02,
  },
};

/** Colours as the style sheet has them; read again when the scheme changes. */
const palette = {};

/** Read the colours. */
function readPalette() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["accent", "accent-band", "quiet", "quiet-band", "line", "muted", "font-small"]) {
    palette[name] = style.getPropertyValue(`--${name}`).trim();
  }
}

/** All charts over the same time. */
export class Charts {
  /** @param {import("./frames.js").Frames} frames */
  constructor(frames) {
    readPalette();
    this.frames = frames;
    this.charts = Object.entries(CHARTS).map(([name, spec]) => new Chart(name, spec, frames));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      readPalette();
      for (const chart of this.charts) chart.plot.redraw(false, true);
    });
    document.addEventListener("visibilitychange", () => this.draw());
  }

  /** Draw the frames, unless the page is hidden. */
  draw() {
    if (document.hidden) return;
    for (const chart of this.charts) chart.draw();
  }
}

/** One chart in its figure. */
class Chart {
  constructor(name, spec, frames) {
    this.figure = document.getElementById(`chart-${name}`);
    this.spec = spec;
    this.frames = frames;
    this.readouts = Object.fromEntries(
      [...this.figure.querySelectorAll("[data-column]")].map((readout) => [readout.dataset.column, readout]),
    );
    const canvas = this.figure.querySelector(".plot");
    this.columns = spec.series.flatMap(({ column, band }) => (band ? [`${column}_low`, `${column}_high`, column] : [column]));
    this.plot = new uPlot(this.options(canvas.clientWidth || 300), [[], ...this.columns.map(() => [])], canvas);
    new ResizeObserver(() => this.plot.setSize({ width: canvas.clientWidth, height: HEIGHT })).observe(canvas);
  }

  /** Pass the frames to uPlot, and write the newest figures into the readouts. */
  draw() {
    const { frames } = this;
    const empty = !this.spec.series.some(({ column }) => frames.has(column, this.spec.zeroIsNone));
    this.figure.classList.toggle("is-empty", empty);
    this.plot.setData([frames.atS, ...this.columns.map((column) => frames.columns[column])]);
    if (this.plot.cursor.idx === null || this.plot.cursor.idx === undefined) this.read(frames.atS.length - 1);
  }

  /**
   * Write the figures of a row into the readouts.
   * @param {number} row
   */
  read(row) {
    for (const { column, band } of this.spec.series) {
      const at = (name) => this.frames.columns[name]?.[row] ?? null;
      const value = at(column);
      setText(this.readouts[column], this.spec.words(value));
      if (band) setText(this.readouts[`${column}_band`], bandWords(at(`${column}_low`), at(`${column}_high`)));
    }
  }

  /** Return the options of uPlot. */
  options(width) {
    return {
      width,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, sync: { key: "playfold" }, points: { size: 7 } },
      padding: [8, 24, 0, 0],
      series: [{}, ...this.spec.series.flatMap(linesOf)],
      bands: this.spec.series.flatMap((series, place) => bandsOf(series, place)),
      scales: {
        x: { time: true, range: () => this.frames.span() },
        y: { range: (_, low, high) => [0, Math.max(this.spec.atLeast, (high ?? 0) * 1.12)] },
      },
      axes: [axis(timesOf, () => 26, 76), axis((_, values) => values.map((value) => this.tick(value)), widthOf, 30)],
      hooks: { setCursor: [(plot) => this.read(plot.cursor.idx ?? this.frames.atS.length - 1)] },
    };
  }

  /** Format a value of the axis. */
  tick(value) {
    if (this.spec.words === rateWords) return `${+(value * 100).toFixed(1)} %`;
    if (this.spec.words === durationWords) return value < 1000 ? `${+value.toFixed(1)} ms` : `${+(value / 1000).toFixed(1)} s`;
    return value >= 10_000 ? `${value / 1000}k` : String(+value.toFixed(2));
  }
}

/** Format times of the axis, with seconds for short spans. */
function timesOf(plot, values) {
  const short = plot.scales.x.max - plot.scales.x.min < SHORT_S;
  return values.map((atS) => clockWords(atS * 1000, short));
}

/** The width of an axis: that of its longest label, about. */
function widthOf(_, labels) {
  return 12 + 6.8 * Math.max(2, ...(labels ?? []).map((label) => label.length));
}

/** An axis in the colours of the page, with a label every `space` pixels at most. */
function axis(values, size, space) {
  return {
    values,
    size,
    space,
    gap: 6,
    font: palette["font-small"],
    stroke: () => palette.muted,
    grid: { stroke: () => palette.line, width: 1 },
    ticks: { show: false },
    border: { show: false },
  };
}

/** The lines of a series: the edges of its band are not drawn. */
function linesOf({ line, band, fill }) {
  const edge = { width: 0, stroke: "transparent", points: { show: false } };
  const drawn = {
    width: 2,
    stroke: () => palette[line],
    dash: line === "quiet" ? [6, 4] : undefined,
    fill: fill ? () => palette["accent-band"] : undefined,
    points: { show: false },
  };
  return band ? [edge, edge, drawn] : [drawn];
}

/** The band between the edges of a series. */
function bandsOf({ line, band }, place) {
  return band ? [{ series: [3 * place + 2, 3 * place + 1], fill: () => palette[`${line}-band`] }] : [];
}
