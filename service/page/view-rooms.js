// The sidebar: joined rooms, unread counts, and the members of the active room.
import { dressAvatar } from './avatar.js';
import { byId, element, setText } from './element.js';
import { reconcile } from './reconcile.js';
import { roomPattern } from './rooms.js';
import { activeRoom } from './session.js';

const nameRule = 'A room name has 1 to 128 characters: letters, digits and _ - . : @';

export function createRoomsView({ join, open, signOut }) {
  byId('sign-out').addEventListener('click', signOut);
  byId('join-lobby').addEventListener('click', () => join('lobby'));
  byId('room').addEventListener('input', () => refuseJoin(''));
  byId('join-form').addEventListener('submit', async (submit) => {
    submit.preventDefault();
    const roomId = byId('room').value.trim();
    refuseJoin(roomPattern.test(roomId) ? '' : nameRule);
    if (!roomPattern.test(roomId)) return;
    const answer = await join(roomId);
    if (answer.ok) byId('room').value = '';
    else refuseJoin(answer.error.message);
  });
  return (session) => {
    const { userId, role } = session.connection.line;
    dressAvatar(byId('account-avatar'), userId);
    setText(byId('account-user'), userId);
    setText(byId('account-role'), role);
    showRooms(session, open);
    showMembers(activeRoom(session), userId);
  };
}

function refuseJoin(message) {
  setText(byId('join-error'), message);
  byId('room').toggleAttribute('aria-invalid', message !== '');
}

function showRooms(session, open) {
  byId('join-hint').hidden = session.rooms.size > 0;
  const rooms = [...session.rooms.values()].map((room) => ({ key: room.id, ...room }));
  reconcile(byId('room-list'), rooms, {
    create: ({ id }) => {
      const unread = element('span', { class: 'unread' });
      const name = element('span', { class: 'name' }, id);
      return element(
        'li',
        {},
        element('button', { type: 'button', click: () => open(id) }, name, unread),
      );
    },
    update: (node, { id, unread }) => {
      const button = node.firstElementChild;
      if (id === session.activeId) button.setAttribute('aria-current', 'page');
      else button.removeAttribute('aria-current');
      setText(button.lastElementChild, unread === 0 ? '' : String(unread));
      const counted = unread === 0 ? id : `${id}, ${unread} unread`;
      button.setAttribute('aria-label', counted);
    },
  });
}

function showMembers(room, ownId) {
  byId('members').hidden = !room?.joined;
  if (!room) return;
  const members = [...room.members.keys()]
    .sort()
    .map((userId) => ({ key: userId, status: room.members.get(userId)?.status ?? '' }));
  reconcile(byId('member-list'), members, {
    create: ({ key }) => {
      const avatar = dressAvatar(element('span', { class: 'avatar', 'aria-hidden': 'true' }), key);
      return element('li', {}, avatar, element('span', { class: 'name' }, key), element('span'));
    },
    update: (node, { key, status }) =>
      setText(node.lastElementChild, key === ownId ? 'you' : status),
  });
  const others = room.count - members.length;
  setText(byId('member-others'), others > 0 ? `and ${others} more` : '');
}
