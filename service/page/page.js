// Connects the parts of the page: a token opens a session, and views show the session.
import { byId, setText } from './element.js';
import * as session from './session.js';
import * as tab from './token.js';
import { createAnnounceView } from './view-announce.js';
import { createComposerView } from './view-composer.js';
import { createConnectionView } from './view-connection.js';
import { createFleetView } from './view-fleet.js';
import { createNoticesView } from './view-notices.js';
import { createRoomsView } from './view-rooms.js';
import { createSignInView } from './view-sign-in.js';
import { createThreadView } from './view-thread.js';

const tickMs = 1000;
const wide = matchMedia('(min-width: 44rem)');

function start() {
  const page = { session: undefined, tokens: [], drawing: false };
  const views = createViews(page);
  page.signIn = views.signIn;
  page.show = () => show(page, views);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && page.session) session.readActive(page.session);
  });
  setInterval(() => {
    showConnection(page, views);
    if (page.session) views.fleet(page.session);
  }, tickMs);
  for (const button of document.querySelectorAll('.tabs button')) {
    button.addEventListener('click', () => openPane(button.dataset.pane));
  }
  addEventListener('hashchange', () => location.hash.includes('token=') && begin(page));
  byId('event-log').open = matchMedia('(min-width: 68rem)').matches;
  begin(page);
}

// A token in the URL takes precedence over the one that this tab stored.
async function begin(page) {
  const { token, rooms } = tab.takeFragment(location, history);
  page.firstRooms = rooms;
  if (token) tab.forget();
  const kept = token ?? tab.keptToken();
  page.signIn.show();
  if (kept) signIn(page, kept);
  page.tokens = await readTokens();
  page.signIn.offer(page.tokens);
  const untouched = !page.session && document.activeElement === document.body;
  if (untouched) byId('ready-made-tokens').querySelector('button')?.focus();
}

async function readTokens() {
  try {
    const response = await fetch('/page.json');
    return (await response.json()).tokens;
  } catch {
    return []; // pasting a token still works
  }
}

function signIn(page, token) {
  page.session?.connection.close();
  page.signIn.progress('Connecting');
  tab.keepToken(token);
  const rooms = [...new Set([...tab.keptRooms(), ...page.firstRooms])];
  page.session = session.openSession(token, rooms, {
    changed: () => changed(page),
    opened: () => {
      byId('sign-in').hidden = true;
      byId('harbour').hidden = false;
      openPane(rooms.length > 0 || wide.matches ? 'conversation' : 'rooms');
      page.show();
      (rooms.length > 0 ? byId('message') : byId('room')).focus();
    },
    refused: (message, refused) => {
      if (refused.connection.line.connects === 0) signOut(page, message);
    },
  });
  page.session.connection.connect();
}

function signOut(page, refusal = '') {
  page.session?.connection.close();
  page.session = undefined;
  page.firstRooms = [];
  tab.forget();
  document.title = 'Mooring';
  page.signIn.show();
  page.signIn.refuse(refusal);
  (byId('ready-made-tokens').querySelector('button') ?? byId('token')).focus();
}

function createViews(page) {
  const current =
    (act) =>
    (...values) =>
      act(page.session, ...values);
  const connection = (act) => () => act(page.session.connection);
  const open = (answer) => {
    if (answer.ok) openPane('conversation');
    if (answer.ok && (wide.matches || byId('room') === document.activeElement)) {
      byId('message').focus();
    }
    return answer;
  };
  createComposerView({
    send: current(session.send),
    typing: current(session.typing),
  });
  return {
    signIn: createSignInView({ signIn: (token) => signIn(page, token) }),
    rooms: createRoomsView({
      join: async (roomId) => open(await session.joinRoom(page.session, roomId)),
      open: (roomId) => open({ ok: true }, session.openRoom(page.session, roomId)),
      signOut: () => signOut(page),
    }),
    thread: createThreadView({
      leave: () => session.leaveRoom(page.session, page.session.activeId),
      loadEarlier: current(session.loadEarlier),
      retry: current(session.retry),
      drop: current(session.drop),
    }),
    connection: createConnectionView({
      cut: connection(({ cut }) => cut()),
      disconnect: connection(({ disconnect }) => disconnect()),
      connect: connection(({ connect }) => connect()),
      renew: () => renew(page),
      signInAgain: () => signOut(page),
    }),
    announce: createAnnounceView({ announce: (text) => page.session.connection.announce(text) }),
    fleet: createFleetView({ pods: () => page.session.connection.pods() }),
    notices: createNoticesView({ dismiss: current(session.dismiss) }),
  };
}

// Renders once per batch of changes.
function changed(page) {
  if (page.drawing) return;
  page.drawing = true;
  queueMicrotask(() => {
    page.drawing = false;
    if (page.session) page.show();
  });
}

function show(page, views) {
  const { session: shown } = page;
  const { connects, attempt, state } = shown.connection.line;
  if (connects === 0) {
    if (state === 'connecting') {
      page.signIn.progress(attempt === 0 ? 'Connecting' : `Connecting, attempt ${attempt}`);
    }
    return;
  }
  views.rooms(shown);
  views.thread(shown);
  showConnection(page, views);
  views.announce(shown);
  views.notices(shown);
  const rooms = [...shown.rooms.values()];
  const unread = rooms.reduce((sum, room) => sum + room.unread, 0);
  document.title = unread === 0 ? 'Mooring' : `(${unread}) Mooring`;
  setText(byId('tab-unread'), unread === 0 ? '' : String(unread));
  tab.keepRooms(rooms.map((room) => room.id));
}

function showConnection({ session: shown, tokens }, views) {
  if (!shown || shown.connection.line.connects === 0) return;
  const { userId } = shown.connection.line;
  const canRenew = tokens.some((each) => each.userId === userId);
  views.connection(shown, canRenew);
}

async function renew(page) {
  const { connection } = page.session;
  page.tokens = await readTokens();
  const fresh = page.tokens.find(({ userId }) => userId === connection.line.userId);
  if (!fresh) return;
  const answer = await connection.renew(fresh.token);
  if (answer.ok) tab.keepToken(fresh.token);
  else session.notice(page.session, 'Could not renew the token', answer.error.message);
}

function openPane(pane) {
  document.body.dataset.pane = pane;
  for (const button of document.querySelectorAll('.tabs button')) {
    if (button.dataset.pane === pane) button.setAttribute('aria-current', 'page');
    else button.removeAttribute('aria-current');
  }
}

start();
