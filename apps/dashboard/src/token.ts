/** The operator token travels in the fragment, the one part of a URL that a browser never sends. */
export interface SplitFragment {
  readonly token: string | null;
  /** The fragment without the token, `''` or starting with `#`. */
  readonly rest: string;
}

/**
 * Takes the token out of `#token=…` or `#/route?token=…`.
 * @param fragment `location.hash`
 */
export function splitToken(fragment: string): SplitFragment {
  const [path = '', query = ''] = fragment.startsWith('#token=') ? ['', fragment.slice(1)] : fragment.split('?');
  const fields = new URLSearchParams(query);
  const token = fields.get('token')?.trim() || null;
  fields.delete('token');
  const left = fields.toString();
  return { token, rest: left && path ? `${path}?${left}` : path };
}

/** What a person pasted: the whole link or the bare token. */
export function pastedToken(text: string): string | null {
  const trimmed = text.trim();
  const hash = trimmed.indexOf('#');
  if (hash >= 0) return splitToken(trimmed.slice(hash)).token;
  return /^[\w.~+/=-]{8,}$/.test(trimmed) ? trimmed : null;
}
