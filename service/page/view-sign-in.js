// The sign-in page: ready-made tokens of a development server, or a pasted token.
import { dressAvatar } from './avatar.js';
import { byId, element, setText } from './element.js';

export function createSignInView({ signIn }) {
  byId('token-form').addEventListener('submit', (submit) => {
    submit.preventDefault();
    const token = byId('token').value.trim();
    if (token === '') byId('token').focus();
    else signIn(token);
  });
  return { offer: (tokens) => offer(tokens, signIn), show, refuse, progress };
}

function offer(tokens, signIn) {
  byId('ready-made').hidden = tokens.length === 0;
  byId('ready-made-tokens').replaceChildren(
    ...tokens.map(({ userId, role, token }) => {
      const avatar = dressAvatar(
        element('span', { class: 'avatar', 'aria-hidden': 'true' }),
        userId,
      );
      const about = element('span', { class: 'about' }, element('strong', {}, userId), role);
      const attributes = { type: 'button', click: () => signIn(token) };
      return element('li', {}, element('button', attributes, avatar, about));
    }),
  );
}

function show() {
  byId('sign-in').hidden = false;
  byId('harbour').hidden = true;
  byId('token').value = '';
  progress('');
}

function refuse(message) {
  setText(byId('sign-in-refusal'), message);
  progress('');
}

function progress(text) {
  setText(byId('sign-in-progress'), text);
  if (text !== '') setText(byId('sign-in-refusal'), '');
}
