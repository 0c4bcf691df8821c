// One entry of a conversation: a day, a message, an outgoing message, or a disconnect.
import { dressAvatar } from './avatar.js';
import { element, setText } from './element.js';
import { clockTime, dayName, duration, exactTime, fullTime } from './time.js';

export function createEntry(entry, actions) {
  if (entry.kind === 'day') {
    return element('li', { class: 'day' }, element('span', {}, dayName(entry.at)));
  }
  if (entry.mark) {
    return element(
      'li',
      { class: `mark ${entry.kind}` },
      element('span', {}, markText(entry.mark)),
    );
  }
  return createMessage(entry.key.slice('message '.length), actions);
}

export function updateEntry(node, entry, ownId) {
  if (entry.kind === 'message') {
    const { userId, text, at } = entry.message;
    fill(node, { userId, text, at, own: userId === ownId, state: '', follows: entry.follows });
  } else if (entry.kind === 'outgoing') {
    const { text, at, state, reason } = entry.delivery;
    fill(node, { userId: ownId, text, at, own: true, state, reason, follows: false });
  }
}

function createMessage(id, { retry, drop }) {
  const button = (label, click) =>
    element('button', { type: 'button', class: 'quiet', click }, label);
  return element(
    'li',
    { class: 'message' },
    element('span', { class: 'avatar', 'aria-hidden': 'true' }),
    element(
      'p',
      { class: 'from' },
      element('strong'),
      element('span', { class: 'you' }),
      element('time'),
    ),
    element('p', { class: 'text' }),
    element(
      'p',
      { class: 'delivery' },
      element('span'),
      button('Try again', () => retry(id)),
      button('Discard', () => drop(id)),
    ),
  );
}

function fill(node, { userId, text, at, own, state, reason, follows }) {
  const [avatar, from, body, delivery] = node.children;
  const [name, you, time] = from.children;
  if (name.textContent !== userId) dressAvatar(avatar, userId);
  setText(name, userId);
  setText(you, own ? 'you' : '');
  setText(time, clockTime(at));
  time.dateTime = new Date(at).toISOString();
  time.title = fullTime(at);
  setText(body, text);
  node.classList.toggle('own', own);
  node.classList.toggle('follows', follows);
  node.dataset.state = state;
  delivery.hidden = state === '' || state === 'sent';
  setText(delivery.firstElementChild, deliveryText(state, reason));
  for (const button of delivery.querySelectorAll('button')) button.hidden = state !== 'failed';
}

function deliveryText(state, reason) {
  if (state === 'failed') return `Not sent: ${reason}`;
  if (state === 'waiting') return 'Waiting for the connection';
  return state === 'sending' ? 'Sending' : '';
}

function markText({ kind, at, durationMs, recovered, caughtUp }) {
  if (kind === 'disconnected') return `Disconnected at ${exactTime(at)}`;
  const reconnected = `Reconnected after ${duration(durationMs)}`;
  if (caughtUp === 0) {
    const outcome = recovered ? 'recovered, nothing missed' : 'joined again, no new messages';
    return `${reconnected}, ${outcome}`;
  }
  const messages = caughtUp === 1 ? '1 message' : `${caughtUp} messages`;
  return recovered
    ? `${reconnected}, recovered with ${messages}`
    : `${reconnected}, history fetched again`;
}
