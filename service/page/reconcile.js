// Updates a list element to match its entries and keeps the nodes whose keys remain.

export function reconcile(list, entries, { create, update }) {
  const nodes = new Map([...list.children].map((node) => [node.dataset.key, node]));
  const wanted = new Set(entries.map((entry) => entry.key));
  for (const [key, node] of nodes) if (!wanted.has(key)) node.remove();
  let place = list.firstElementChild;
  for (const entry of entries) {
    let node = nodes.get(entry.key);
    if (node === undefined) {
      node = create(entry);
      node.dataset.key = entry.key;
    }
    update?.(node, entry);
    if (node === place) place = place.nextElementSibling;
    else list.insertBefore(node, place);
  }
}
