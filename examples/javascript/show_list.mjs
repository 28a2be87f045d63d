// Send a play, then show the list that reflects it.
// Run it beside `playfold up`: node examples/javascript/show_list.mjs anna
const gateway = process.env.GATEWAY ?? "http://127.0.0.1:8080";
const headers = { "content-type": "application/json" };
if (process.env.GATEWAY_TOKEN) headers.authorization = `Bearer ${process.env.GATEWAY_TOKEN}`;

async function request(path, options = {}) {
  const response = await fetch(gateway + path, { ...options, headers: { ...headers, ...options.headers } });
  if (response.status === 304) return { response };
  const answer = await response.json();
  if (!response.ok) throw new Error(`${answer.title}: ${answer.detail}`);
  return { response, answer };
}

const user = process.argv[2] ?? "anna";
const path = `/v1/users/${encodeURIComponent(user)}/recommendations?n=10`;

// Read your writes: wait up to two seconds for a list that reflects the play.
const play = { user_id: user, item_id: "song-4", played_at_ms: Date.now(), play_id: crypto.randomUUID() };
const sent = await request("/v1/plays", { method: "POST", body: JSON.stringify(play) });
const [{ partition, offset }] = sent.answer.results;
const { answer: fresh } = await request(`${path}&after=${partition}:${offset}&wait_ms=2000`);
console.log(`${fresh.kind}, reflected: ${fresh.reflected}`);
fresh.items.forEach((item, i) => console.log(`${i + 1}. ${item} ${fresh.scores[i].toFixed(3)}`));

// Request a list only if it changed: the answer to a current ETag is 304, without a body.
const first = await request(path);
const again = await request(path, { headers: { "if-none-match": first.response.headers.get("etag") } });
console.log(`requested again: ${again.response.status}`);

// A listener without a list gets the popular list.
const { answer: stranger } = await request("/v1/users/nobody-yet/recommendations?n=3");
console.log(`nobody-yet: ${stranger.kind}, offset ${stranger.offset}`);

// Related items of an item.
const { answer: nearest } = await request("/v1/items/song-4/related?n=3");
console.log(`related to song-4: ${nearest.items.join(", ")}`);
