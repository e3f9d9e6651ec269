/** How often a program is asked, and how often in a row it may stay silent: half a minute in all. */
const ASK_EVERY_MS = 5_000;
const SILENCES = 6;

export interface Pulse {
  readonly everyMs: number;
  readonly silences: number;
}

/**
 * Counts how often in a row a program did not answer. Time in which we stood still ourselves, as in a closed laptop,
 * says nothing of the program: after such a gap it has all its chances again.
 */
export class Silence {
  private count = 0;
  private lastMs: number;

  constructor(
    private readonly pulse: Pulse,
    startMs: number,
  ) {
    this.lastMs = startMs;
  }

  /** @returns whether the program has been silent for too long */
  note(answered: boolean, nowMs: number): boolean {
    const stoodStill = nowMs - this.lastMs > 2 * this.pulse.everyMs;
    this.lastMs = nowMs;
    this.count = answered || stoodStill ? 0 : this.count + 1;
    return this.count >= this.pulse.silences;
  }
}

/** Calls `onSilent` once, when nobody has answered at `url` for too long. @returns stops asking */
export function watchPulse(
  url: string,
  onSilent: () => void,
  pulse: Pulse = { everyMs: ASK_EVERY_MS, silences: SILENCES },
): () => void {
  const silence = new Silence(pulse, Date.now());
  let asking = false;
  const timer = setInterval(() => {
    if (asking) return;
    asking = true;
    void answers(url, pulse.everyMs / 2).then((answered) => {
      asking = false;
      if (!silence.note(answered, Date.now())) return;
      clearInterval(timer);
      onSilent();
    });
  }, pulse.everyMs);
  return () => clearInterval(timer);
}

async function answers(url: string, timeoutMs: number): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
