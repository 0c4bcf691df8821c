// Reads a token from the URL or from this tab's storage, and decodes it for display only.

const tokenKey = 'mooring.token';
const roomsKey = 'mooring.rooms';

export function decodeToken(token) {
  try {
    const payload = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === 'object' && claims !== null ? claims : undefined;
  } catch {
    return undefined;
  }
}

// The fragment never reaches a server. It is removed so that it is not copied with the URL.
export function takeFragment(location, history) {
  const values = new URLSearchParams(location.hash.slice(1));
  if (values.has('token')) history.replaceState(null, '', location.pathname + location.search);
  return { token: values.get('token') ?? undefined, rooms: values.getAll('room') };
}

export function keptToken() {
  return sessionStorage.getItem(tokenKey) ?? undefined;
}

export function keepToken(token) {
  sessionStorage.setItem(tokenKey, token);
}

export function keptRooms() {
  return JSON.parse(sessionStorage.getItem(roomsKey) ?? '[]');
}

export function keepRooms(roomIds) {
  sessionStorage.setItem(roomsKey, JSON.stringify(roomIds));
}

export function forget() {
  sessionStorage.removeItem(tokenKey);
  sessionStorage.removeItem(roomsKey);
}
