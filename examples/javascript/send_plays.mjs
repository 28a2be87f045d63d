// Send events to the gateway, and retry while it is busy.
// Run it beside `playfold up`: node examples/javascript/send_plays.mjs
const gateway = process.env.GATEWAY ?? "http://127.0.0.1:8080";
const headers = { "content-type": "application/json" };
if (process.env.GATEWAY_TOKEN) headers.authorization = `Bearer ${process.env.GATEWAY_TOKEN}`;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function send(events, triesLeft = 5) {
  const body = JSON.stringify(events);
  const response = await fetch(`${gateway}/v1/plays`, { method: "POST", headers, body });
  if ([429, 503].includes(response.status) && triesLeft > 1) {
    await sleep(1000 * Number(response.headers.get("retry-after") ?? 1));
    return send(events, triesLeft - 1); // the same play_id: a play that already arrived does not count twice
  }
  const answer = await response.json();
  if (!answer.results) throw new Error(`${answer.title}: ${answer.detail}`);
  return answer.results;
}

const results = await send([
  { user_id: "emil", item_id: "song-7", played_at_ms: Date.now(), play_id: crypto.randomUUID() },
  { user_id: "emil", item_id: 7, played_at_ms: Date.now() },
]);
for (const { partition, offset, error } of results) {
  console.log(error ? `rejected: ${error}` : `stored at ${partition}:${offset}`);
}
