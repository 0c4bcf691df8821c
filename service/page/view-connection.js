// The connection panel: the state of the connection, and buttons to break and restore it.
import { byId, element, setText } from './element.js';
import { reconcile } from './reconcile.js';
import { duration, fullTime } from './time.js';

export function createConnectionView({ cut, disconnect, connect, renew, signInAgain }) {
  byId('cut').addEventListener('click', cut);
  byId('disconnect').addEventListener('click', disconnect);
  byId('connect').addEventListener('click', connect);
  byId('renew').addEventListener('click', renew);
  byId('sign-in-again').addEventListener('click', signInAgain);
  return ({ connection: { line } }, canRenew) => {
    const text = stateText(line);
    const connected = line.state === 'connected';
    setText(byId('connection-state'), text);
    setText(byId('tab-state'), text);
    document.body.dataset.line = line.state;
    byId('line').dataset.rope = ropeOf(line);
    setText(byId('line-pod'), line.pod || 'Pod');
    showFacts(line);
    byId('cut').disabled = !connected;
    byId('disconnect').disabled = line.state === 'offline' || line.state === 'refused';
    byId('connect').disabled = line.state !== 'offline';
    byId('renew').hidden = !canRenew;
    byId('renew').disabled = !connected;
    showAlert(line);
  };
}

function stateText({ state, attempt }) {
  if (state === 'reconnecting' && attempt > 1) return `Reconnecting, attempt ${attempt}`;
  return state[0].toUpperCase() + state.slice(1);
}

function ropeOf({ state, transport }) {
  if (state === 'connected') return transport === 'polling' ? 'slack' : 'taut';
  return state === 'offline' ? 'cast-off' : 'broken';
}

function showFacts(line) {
  const connected = line.state === 'connected';
  const facts = [
    ['Pod', line.pod || 'unknown'],
    ['Transport', connected ? line.transport : 'none'],
    ['Recovered', line.recovered === undefined ? 'not needed yet' : line.recovered ? 'yes' : 'no'],
    ['Reconnects', String(Math.max(line.connects - 1, 0))],
    ['Last disconnect', line.lastDisconnect || 'none'],
    ['Socket', connected ? line.socketId : 'none'],
    ['Token', expiryText(line.expiresAt), line.expiresAt && fullTime(line.expiresAt)],
  ].map(([key, value, title]) => ({ key, value, title: title ?? value }));
  reconcile(byId('facts'), facts, {
    create: ({ key }) => element('div', {}, element('dt', {}, key), element('dd')),
    update: (node, { value, title }) => {
      const definition = node.lastElementChild;
      definition.title = title;
      node.dataset.value = value;
      setText(definition, value);
    },
  });
}

function expiryText(expiresAt) {
  if (expiresAt === undefined) return 'unknown';
  const left = expiresAt - Date.now();
  return left > 0 ? `expires in ${duration(Math.floor(left / 1000) * 1000)}` : 'expired';
}

function showAlert(line) {
  const waits = 'Messages you write now are sent after the reconnect.';
  const texts = {
    reconnecting: `Reconnecting. ${waits}`,
    connecting: line.connects === 0 ? '' : `Connecting. ${waits}`,
    offline: 'Disconnected. Messages you write now are sent after you connect again.',
    refused: `The server refused this token: ${line.refusal}.`,
  };
  const text = texts[line.state] ?? '';
  byId('line-alert').hidden = text === '';
  setText(byId('line-alert-text'), text);
  byId('sign-in-again').hidden = line.state !== 'refused';
  const spoken = line.state === 'connected' ? `Connected to ${line.pod || 'the server'}` : text;
  setText(byId('line-status'), spoken);
}
