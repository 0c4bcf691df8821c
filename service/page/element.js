// Finds and builds elements; text always becomes a text node, never markup.

export function byId(id) {
  return document.getElementById(id);
}

export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(attribute, value);
    else if (value !== undefined && value !== false) node.setAttribute(attribute, value);
  }
  node.append(...children.filter((child) => child !== undefined));
  return node;
}

// Writes only changes, so that live regions and animations react to changes only.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
