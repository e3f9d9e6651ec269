/** Small figures shared by the pages. */
import type { ReactNode } from 'react';
import { formatNumber } from './format.js';

/** One entry of a definition list. */
export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** ε spent against its budget. Without noise no bound holds, and the figure says so. */
export function Epsilon({ spent, budget }: { spent: number | null; budget: number | null }) {
  if (budget === null) return <span className="quiet">no noise, no bound</span>;
  const used = spent ?? 0;
  const share = Math.min(1, used / budget);
  return (
    <span className="epsilon">
      <span>
        {formatNumber(used)} <span className="quiet">of {formatNumber(budget)}</span>
      </span>
      <span className="meter" data-full={share >= 0.999} aria-hidden="true">
        <i style={{ inlineSize: `${share * 100}%` }} />
      </span>
    </span>
  );
}

export type Tone = 'good' | 'busy' | 'bad' | 'still' | 'warn';

/** A state as a dot and its word, never by colour alone. */
export function Badge({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <span className="badge" data-tone={tone}>
      <i aria-hidden="true" />
      {children}
    </span>
  );
}

export function Alias({ name }: { name: string }) {
  return <span className="alias">{name}</span>;
}
