/**
 * The page: it shows the stream's events, and sends plays to the gateway.
 * @module page
 */

import { comparedWith } from "./changes.js";
import { Charts } from "./charts.js";
import { byId, setText } from "./element.js";
import { Frames } from "./frames.js";
import { showGenerations } from "./generations.js";
import { ListView } from "./list.js";
import { ListenerForm } from "./listener.js";
import { Plays } from "./plays.js";
import { showRejects } from "./rejects.js";
import { Search } from "./search.js";
import { Stream } from "./stream.js";
import { agoWords, clockWords, numberWords } from "./words.js";
import { showWorkers } from "./workers.js";

const NO_LIST_MS = 1500;
const SECOND_MS = 1000;

const frames = new Frames();
const charts = new Charts(frames);
const list = new ListView({
  rows: byId("rows"), facts: byId("facts"), took: byId("took"), left: byId("left"), empty: byId("list-empty"), more: byId("more"),
});
const plays = new Plays({ log: byId("log"), empty: byId("log-empty"), status: byId("status") }, whyLate);
plays.nShown = () => list.nShown;
const stream = new Stream({ history: showHistory, figures: showFigures, list: showList }, showState);
const listener = new ListenerForm(
  { form: byId("choose"), field: byId("user"), options: byId("listeners"), fresh: byId("fresh") },
  (user) => choose(user, true),
);
new Search({ form: byId("search"), field: byId("query"), found: byId("found"), note: byId("search-note") });

let user = "";
let figures = null;
let figuresSeenMs = Date.now();
/** The content of each table as one string: a table is redrawn only if it changes, so a selection in it stays. */
const shownContent = new Map();

/** Follow a listener, and let the address say so. */
function choose(chosen, remember) {
  user = chosen;
  byId("user").value = user;
  setText(byId("list-title"), user ? `The list of ${user}` : "The list");
  document.title = user ? `${user} · playfold` : "playfold";
  if (remember) history.pushState({}, "", user ? `/?user=${encodeURIComponent(user)}` : "/");
  plays.reset();
  list.clear("");
  byId("steps").hidden = user !== "";
  stream.follow(user);
  setTimeout(() => explainMissing(user), NO_LIST_MS);
}

/** Explain what to do if a listener has no list. */
function explainMissing(chosen) {
  if (chosen !== user || !user || list.list) return;
  list.clear(`${user} has no list yet. Search for an item above and press play: the first list arrives milliseconds later.`);
}

/** Return a sentence on why a play's list has not arrived. */
function whyLate() {
  if (figures && figures.workers.length === 0) return "No worker is running: the play waits on the topic until one starts (“playfold worker”).";
  if (figures && figures.generations.length === 0) return "There is no generation yet: “playfold retrain” trains the first one.";
  return "The list is unchanged: this play did not change it, or its list has not arrived yet.";
}

/** Event: the last minutes. */
function showHistory(points) {
  frames.replace(points);
  charts.draw();
}

/** Event: a second's figures. */
function showFigures(latest) {
  figures = latest;
  figuresSeenMs = Date.now();
  frames.push(latest);
  charts.draw();
  showTables(latest);
  if (latest.scored_plays) setText(byId("scored"), `, over the last ${numberWords(latest.scored_plays)} plays`);
}

/** Show the tables beside the charts. */
function showTables({ workers, generations, rejects, at_ms: atMs }) {
  const ages = generations.map((each) => agoWords(atMs - Date.parse(each.created_at)));
  showChanged("workers", workers, workers.length > 0, (place) => showWorkers(place, workers));
  showChanged("generations", [generations, ages], generations.length > 0, (place) => showGenerations(place, generations, atMs));
  showChanged("rejects", rejects.latest, rejects.total > 0, (place) => showRejects(place, rejects.latest));
  setText(byId("rejects-total"), rejects.total ? numberWords(rejects.total) : "");
}

/** Show a table if it changed, or its sentence while it is empty. */
function showChanged(name, shown, isFull, show) {
  const words = JSON.stringify(shown);
  if (shownContent.get(name) === words) return;
  shownContent.set(name, words);
  show(byId(name));
  byId(`${name}-empty`).hidden = isFull;
}

/** Event: a list of the chosen listener. */
function showList(received) {
  if (received.user_id !== user) return;
  const compared = comparedWith(received, list.list);
  if (compared !== list.list) list.show(compared);
  plays.settle({ list: compared, seenMs: performance.now() });
}

/** Show the state of the connection. */
function showState(state) {
  const words = { connecting: "connecting", live: "live", lost: "connection lost", ended: "logged out" };
  setText(byId("connection"), words[state]);
  byId("connection").dataset.state = state;
  byId("lost").hidden = state !== "lost";
  byId("ended").hidden = state !== "ended";
  if (state === "lost") setText(byId("lost-since"), clockWords(figuresSeenMs));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-play]");
  if (!button) return;
  const player = user || listener.chooseNew();
  plays.press(player, button.dataset.play, button.getAttribute("aria-label").replace(/^Play /, ""));
});
addEventListener("popstate", () => choose(new URLSearchParams(location.search).get("user") ?? "", false));
setInterval(() => list.tick(Date.now()), SECOND_MS);
choose(document.body.dataset.user, false);
