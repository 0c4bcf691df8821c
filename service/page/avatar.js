// Gives every user an initial and a stable color.

const huesCount = 6;

export function dressAvatar(node, userId) {
  node.textContent = [...userId][0]?.toUpperCase() ?? '';
  node.dataset.hue = hueOf(userId);
  return node;
}

function hueOf(userId) {
  let sum = 0;
  for (const character of userId) sum = (sum * 31 + character.codePointAt(0)) % 9973;
  return String(sum % huesCount);
}
