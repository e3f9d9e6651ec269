import { createHash, timingSafeEqual } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '@koinon/contracts';
import type { Controls, MadeControl } from '@koinon/secure-tasks';
import { namesIn, readIfThere, removeUnfinished, replaceSecret, wipe, wipeFile } from '@koinon/service';

/** Runs whose control variates are kept at most, whatever the coordinator says is going on. */
const KEPT = 4;
const DIGEST_BYTES = 32;
const lost = (): CodedError => new CodedError('SITE_STATE_LOST', 'the control variate of this run is gone or damaged');

/**
 * SCAFFOLD's control variates, a folder per run with a file for each round whose answer may count: SHA-256 of the control
 * variate after it, and that as float64, little-endian. Which of them counted the coordinator says when it asks for
 * the next round; until then both are kept, so that a site that was cut off knows either way.
 */
export class ControlStore implements Controls {
  constructor(private readonly folder: string) {
    for (const runId of namesIn(folder)) removeUnfinished(join(folder, runId));
  }

  after(runId: string, counted: number | null): Float64Array | null {
    return counted === null ? null : this.read(runId, counted);
  }

  keep(runId: string, counted: number | null, { round, control }: MadeControl): void {
    const content = Buffer.from(control.buffer, control.byteOffset, control.byteLength);
    replaceSecret(this.file(runId, round), Buffer.concat([digestOf(content), content]));
    for (const name of namesIn(join(this.folder, runId))) {
      if (![round, counted].includes(Number(name))) wipeFile(join(this.folder, runId, name));
    }
  }

  /** Wipes every run but these. */
  keepOnly(runIds: readonly string[]): void {
    const all = namesIn(this.folder).map((runId) => ({ runId, at: statSync(join(this.folder, runId)).mtimeMs }));
    const kept = all
      .filter(({ runId }) => runIds.includes(runId))
      .toSorted((a, b) => b.at - a.at)
      .slice(0, KEPT);
    for (const run of all) if (!kept.includes(run)) wipe(join(this.folder, run.runId));
  }

  private read(runId: string, round: number): Float64Array {
    const stored = readIfThere(this.file(runId, round));
    if (!stored || stored.length < DIGEST_BYTES) throw lost();
    const content = Uint8Array.from(stored.subarray(DIGEST_BYTES)).buffer;
    if (!timingSafeEqual(stored.subarray(0, DIGEST_BYTES), digestOf(new Uint8Array(content)))) throw lost();
    return new Float64Array(content);
  }

  private file(runId: string, round: number): string {
    return join(this.folder, runId, String(round));
  }
}

const digestOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
