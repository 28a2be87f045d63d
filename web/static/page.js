/**
 * The page: what comes from the stream goes to its place, what is pressed goes to the gateway.
 * @module page
 */

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
import { clockWords, numberWords } from "./words.js";
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
let told = "";

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

/** Say what to do where a listener has no list. */
function explainMissing(chosen) {
  if (chosen !== user || !user || list.list) return;
  list.clear(`Nobody called ${user} has a list yet. Search for something above and press play: their first list comes milliseconds later.`);
}

/** Say why a play's list may not have come. */
function whyLate() {
  if (figures && figures.workers.length === 0) return "No worker is heard: the play stands on the topic until one runs, as by “playfold worker”.";
  if (figures && figures.generations.length === 0) return "There is no generation yet: “playfold retrain” makes the first.";
  return "The list stands as it is: this play did not change it, or it is still on its way.";
}

/** Event: the last minutes. */
function showHistory(found) {
  frames.replace(found);
  charts.draw();
}

/** Event: a second's figures. */
function showFigures(found) {
  figures = found;
  figuresSeenMs = Date.now();
  frames.push(found);
  charts.draw();
  const words = JSON.stringify([found.workers.map(({ told_ms_ago: ago, ...rest }) => [rest, ago > SECOND_MS * 5 && ago]), found.generations, found.rejects]);
  if (words !== told) showTables(found);
  told = words;
  if (found.scored_plays) setText(byId("scored"), `, by the last ${numberWords(found.scored_plays)} plays`);
}

/** Show what changes seldom. */
function showTables({ workers, generations, rejects, at_ms: atMs }) {
  showWorkers(byId("workers"), workers);
  showGenerations(byId("generations"), generations, atMs);
  showRejects(byId("rejects"), rejects.latest);
  byId("workers-empty").hidden = workers.length > 0;
  byId("generations-empty").hidden = generations.length > 0;
  byId("rejects-empty").hidden = rejects.total > 0;
  setText(byId("rejects-total"), rejects.total ? numberWords(rejects.total) : "");
}

/** Event: a list of the chosen listener. */
function showList(found) {
  if (found.user_id !== user) return;
  list.show(found);
  plays.settle({ list: found, seenMs: performance.now() });
}

/** Say how the connection is. */
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
  const who = user || listener.chooseNew();
  plays.press(who, button.dataset.play, button.getAttribute("aria-label").replace(/^Play /, ""));
});
addEventListener("popstate", () => choose(new URLSearchParams(location.search).get("user") ?? "", false));
setInterval(() => list.tick(Date.now()), SECOND_MS);
choose(document.body.dataset.user, false);
