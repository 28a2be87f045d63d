/**
 * Creation of elements; strings are always text, never HTML.
 * @module element
 */

/**
 * Make an element.
 * @param {string} tag
 * @param {Object<string, string>} [attributes]
 * @param {...(Node|string|null)} children strings become text nodes; null is left out
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/**
 * Find an element that the template has.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`The page has no element ${id}: template and scripts are of different versions.`);
  return node;
}

/**
 * Set a text only if it differs, to avoid needless layout and announcements.
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Make a button that plays an item; a click is found by its `data-play`.
 * @param {{item_id: string, title: ?string}} item
 * @param {string} name
 * @returns {HTMLElement}
 */
export function playButton(item, name) {
  const label = `Play ${name}`;
  return element("button", { type: "button", class: "play", "data-play": item.item_id, "aria-label": label, title: label });
}
