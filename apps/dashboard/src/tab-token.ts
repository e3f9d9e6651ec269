/** The token of this tab: taken from the link, kept until the tab is closed. */
import { splitToken } from './token.js';

const STORAGE_KEY = 'koinon.token';

/** Moves a token from the address bar into this tab's storage and gives the token of the tab. */
export function takeToken(): string | null {
  const { token, rest } = splitToken(location.hash);
  if (token) {
    keepToken(token);
    history.replaceState(null, '', location.pathname + location.search + (rest || '#/'));
  }
  return sessionStorage.getItem(STORAGE_KEY);
}

export function keepToken(token: string): void {
  sessionStorage.setItem(STORAGE_KEY, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(STORAGE_KEY);
}
