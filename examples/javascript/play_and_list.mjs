// Send a play, and show the list that it leads to: one request.
// Run it beside `playfold up`: node examples/javascript/play_and_list.mjs anna
const gateway = process.env.GATEWAY ?? "http://127.0.0.1:8080";
const headers = { "content-type": "application/json" };
if (process.env.GATEWAY_TOKEN) headers.authorization = `Bearer ${process.env.GATEWAY_TOKEN}`;

const user = process.argv[2] ?? "anna";
const play = { user_id: user, item_id: "song-5", played_at_ms: Date.now(), play_id: crypto.randomUUID() };
const options = { method: "POST", headers, body: JSON.stringify(play) };
const response = await fetch(`${gateway}/v1/plays?list=5&wait=5`, options);
const answer = await response.json();
if (!response.ok) throw new Error(`${answer.title}: ${answer.detail}`);

// 202: the play is accepted, and the list does not reflect it yet. Do not send it again.
const [{ outcome }] = answer.results;
console.log(`${outcome}, reflected: ${answer.list?.reflected ?? false}${answer.why ? `: ${answer.why}` : ""}`);
answer.list?.items.forEach((item, i) => console.log(`${i + 1}. ${item} ${answer.list.scores[i].toFixed(3)}`));
