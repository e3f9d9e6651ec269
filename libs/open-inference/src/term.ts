/** How long a signed release may be installed and served; milliseconds since 1970, by this node's clock. */
export interface Term {
  /** From then on nobody installs it, and answers say that it is expired. */
  readonly expiresAt: number;
  /** From then on it is not served. */
  readonly servedUntil: number;
}

export const isExpired = (term: Term | null, now: number): boolean => term !== null && !(now < term.expiresAt);
export const isOver = (term: Term | null, now: number): boolean => term !== null && !(now < term.servedUntil);
