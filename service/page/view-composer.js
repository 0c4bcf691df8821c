// The message input: Enter sends, and others see who is typing.
import { byId } from './element.js';

const typingMsMin = 2000;

export function createComposerView({ send, typing }) {
  const form = byId('composer');
  const message = byId('message');
  let typedAt = Number.NEGATIVE_INFINITY;
  form.addEventListener('submit', (submit) => {
    submit.preventDefault();
    const text = message.value.trim();
    if (text !== '') send(text);
    message.value = '';
    typedAt = Number.NEGATIVE_INFINITY;
    message.focus();
  });
  message.addEventListener('keydown', (key) => {
    if (key.key !== 'Enter' || key.shiftKey || key.isComposing) return;
    key.preventDefault();
    form.requestSubmit();
  });
  message.addEventListener('input', () => {
    if (message.value.trim() === '' || performance.now() - typedAt < typingMsMin) return;
    typedAt = performance.now();
    typing();
  });
}
