// Announcements as banners, notifications and errors as notices, and the event log.
import { byId, element } from './element.js';
import { reconcile } from './reconcile.js';
import { clockTime, exactTime } from './time.js';

const arrows = { in: '←', out: '→', connection: '·' };
const directions = { in: 'received', out: 'sent', connection: 'connection' };

export function createNoticesView({ dismiss }) {
  return ({ announcements, notices, log }) => {
    reconcile(byId('announcements'), announcements, {
      create: ({ key, text, at }) =>
        element(
          'li',
          {},
          element('strong', {}, 'Announcement'),
          element('span', {}, text),
          element('time', {}, clockTime(at)),
          dismissButton('announcement', () => dismiss(key)),
        ),
    });
    reconcile(byId('notices'), notices, {
      create: ({ key, title, text }) =>
        element(
          'li',
          {},
          element('strong', {}, title),
          element('span', {}, text),
          dismissButton('notice', () => dismiss(key)),
        ),
    });
    showEvents(log);
  };
}

function dismissButton(what, click) {
  const attributes = { type: 'button', class: 'dismiss', 'aria-label': `Dismiss ${what}`, click };
  return element('button', attributes, '×');
}

function showEvents(log) {
  reconcile(byId('events'), log, {
    create: ({ direction, name, at }) =>
      element(
        'li',
        { 'data-direction': direction },
        element('time', {}, exactTime(at)),
        element('span', { role: 'img', 'aria-label': directions[direction] }, arrows[direction]),
        element('span', { class: 'name' }, name),
      ),
  });
}
