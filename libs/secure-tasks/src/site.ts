import type { RandomBytes } from '@koinon/privacy';
import type { Charge, ChargedRound } from './charge.js';
import type { RoundFrame } from './round-frame.js';

/** A site as a task sees it: its only way to records and to what the site keeps. */
export interface Site {
  readonly randomBytes: RandomBytes;
  readonly controls: Controls;
  /**
   * Local training from the asked model's weights, with the noise of `charges` inside.
   * @param correction is added to the gradient of every step
   */
  train(asked: Training, charges: readonly Charge[], correction: Float32Array | null): Promise<Trained>;
  /** What the asked model gives each test record. */
  score(
    asked: Pick<RoundFrame, 'recordsSchemaSha256' | 'modelSha256'>,
  ): Promise<{ readonly probabilities: Float32Array; readonly labels: Float32Array }>;
  /** A vector that the coordinator tells everybody, by its digest. */
  vector(sha256: string): Promise<Float32Array>;
}

export interface Training
  extends
    ChargedRound,
    Pick<RoundFrame, 'federation' | 'recordsSchemaSha256' | 'modelSha256' | 'noiseMultiplier' | 'seed'> {
  /** μ of FedProx's term; 0 for none. */
  readonly proximalMu: number;
}

export interface Trained {
  /** Trained minus base weights, all trainable values in federation order. Noised: what is made of it costs nothing more. */
  readonly delta: Float32Array;
  /** The site's noised record count. */
  readonly records: number;
}

/** This site's control variates, which outlive a restart and are forgotten with their run. */
export interface Controls {
  /**
   * The control variate that this site's answer of round `counted` left it with; null where none of its answers counted yet.
   * @throws CodedError SITE_STATE_LOST
   */
  after(runId: string, counted: number | null): Float64Array | null;
  /** Keeps what an answer makes of it, before that answer leaves the site. Of earlier rounds only `counted` is kept. */
  keep(runId: string, counted: number | null, made: MadeControl): void;
}

export interface MadeControl {
  readonly round: number;
  readonly control: Float64Array;
}
