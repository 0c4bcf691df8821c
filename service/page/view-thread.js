// The conversation of the active room.
import { byId, setText } from './element.js';
import { reconcile } from './reconcile.js';
import { timeline } from './rooms.js';
import { activeRoom } from './session.js';
import { createEntry, updateEntry } from './view-entry.js';

const nearPx = 80;

export function createThreadView(actions) {
  const thread = byId('thread');
  // Not every browser makes a scrollable region focusable by itself.
  thread.tabIndex = 0;
  const place = { roomId: '', firstId: '', atEnd: true };
  byId('leave').addEventListener('click', actions.leave);
  byId('earlier').addEventListener('click', actions.loadEarlier);
  byId('latest').addEventListener('click', () => scrollToEnd(thread));
  thread.addEventListener('scroll', () => {
    place.atEnd = thread.scrollHeight - thread.scrollTop - thread.clientHeight < nearPx;
    if (place.atEnd) byId('latest').hidden = true;
    if (thread.scrollTop === 0 && !place.atEnd) actions.loadEarlier();
  });
  // Keeps the end visible when the input grows or a keyboard appears.
  new ResizeObserver(() => place.atEnd && scrollToEnd(thread)).observe(thread);
  return (session) => {
    const room = activeRoom(session);
    showHeader(room, session.connection.line);
    thread.hidden = room === undefined;
    byId('no-room').hidden = room !== undefined;
    byId('composer').hidden = room === undefined;
    setText(byId('typing'), typingText(room));
    if (room) showMessages(room, session, thread, place, actions);
    else place.roomId = '';
  };
}

function showHeader(room, line) {
  setText(byId('room-title'), room?.id ?? 'No room yet');
  setText(byId('message-label'), `Message to ${room?.id ?? 'no room'}`);
  byId('message').placeholder = room ? `Message to ${room.id}` : '';
  byId('leave').hidden = room === undefined;
  if (!room) return setText(byId('room-summary'), '');
  const count = room.count === 1 ? 'Only you are here' : `${room.count} people are here`;
  const joining = line.state === 'connected' ? 'Joining' : 'Not joined yet';
  setText(byId('room-summary'), room.joined ? count : room.refusal || joining);
}

function showMessages(room, session, thread, place, actions) {
  const list = byId('messages');
  const changedRoom = place.roomId !== room.id;
  const firstId = room.messages[0]?.id ?? '';
  const heightBefore = thread.scrollHeight;
  const lastBefore = list.lastElementChild;
  const prepended = !changedRoom && place.firstId !== '' && firstId !== place.firstId;
  // Screen readers must not read out a page of history: a busy live region is silent.
  byId('log').setAttribute('aria-busy', String(changedRoom || prepended));
  const ownId = session.connection.line.userId;
  reconcile(list, timeline(room), {
    create: (entry) => createEntry(entry, actions),
    update: (node, entry) => updateEntry(node, entry, ownId),
  });
  showBeginning(room);
  const wrote = list.lastElementChild !== lastBefore && room.outgoing.length > 0;
  if (changedRoom || wrote || place.atEnd) scrollToEnd(thread);
  else if (prepended) thread.scrollTop += thread.scrollHeight - heightBefore;
  else if (list.lastElementChild !== lastBefore) byId('latest').hidden = false;
  if (changedRoom) byId('latest').hidden = true;
  Object.assign(place, { roomId: room.id, firstId });
  requestAnimationFrame(() => byId('log').setAttribute('aria-busy', 'false'));
}

function showBeginning(room) {
  byId('earlier').hidden = !room.more;
  byId('earlier').toggleAttribute('aria-busy', room.loading);
  setText(byId('earlier'), room.loading ? 'Loading' : 'Earlier messages');
  const beginning =
    room.messages.length > 0 ? 'The stored history begins here.' : 'No messages yet.';
  setText(byId('thread-beginning'), room.more || !room.joined ? '' : beginning);
}

function scrollToEnd(thread) {
  thread.scrollTop = thread.scrollHeight;
}

function typingText(room) {
  const names = [...(room?.typing.keys() ?? [])];
  if (names.length === 0) return '';
  if (names.length === 1) return `${names[0]} is typing`;
  return names.length === 2
    ? `${names[0]} and ${names[1]} are typing`
    : 'Several people are typing';
}
