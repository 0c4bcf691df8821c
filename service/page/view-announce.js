// For admins only: a form that sends an announcement to every client.
import { byId, setText } from './element.js';

export function createAnnounceView({ announce }) {
  const text = byId('announcement');
  byId('announce').addEventListener('submit', async (submit) => {
    submit.preventDefault();
    if (text.value.trim() === '') return text.focus();
    const answer = await announce(text.value.trim());
    setText(byId('announce-result'), answer.ok ? 'Announced to everyone.' : answer.error.message);
    if (answer.ok) text.value = '';
  });
  text.addEventListener('input', () => setText(byId('announce-result'), ''));
  return ({ connection: { line } }) => {
    byId('announce').hidden = line.role !== 'admin';
  };
}
