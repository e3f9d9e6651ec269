import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, ceremonyPostSchema, fromBase64, toBase64, type CeremonyPost } from '@koinon/contracts';
import { siteScheme, type EpochHeader, type SiteEpoch } from '@koinon/he';
import { z } from 'zod';
import { readIfThere, writeDurably } from '../durable-file.js';

/** Epochs whose secrets are kept: the present one and those of rounds that may still be opening. */
const KEPT = 4;

const fileSchema = z.strictObject({
  header: z.custom<EpochHeader>(),
  state: z.base64(),
  /** The last step and what this site posted in it, to be sent again unchanged after a crash. */
  step: z.string(),
  post: ceremonyPostSchema,
});

/** The secret state of key epochs, one file each, readable by this node alone and deleted when newer ones have come. */
export class EpochStore {
  constructor(private readonly folder: string, private readonly site: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** The epoch as it was after its last step. Dispose it. @throws CodedError SITE_STATE_LOST */
  async restore(epochId: string): Promise<{ header: EpochHeader; epoch: SiteEpoch }> {
    const stored = this.read(epochId);
    if (!stored) throw new CodedError('SITE_STATE_LOST');
    const state = fromBase64(stored.state);
    const epoch = (await siteScheme(stored.header.scheme)).restore(stored.header, this.site, state);
    state.fill(0);
    return { header: stored.header, epoch };
  }

  /** What this site posted in `step`, if it got that far before. */
  posted(epochId: string, step: string): CeremonyPost | null {
    const stored = this.read(epochId);
    return stored?.step === step ? stored.post : null;
  }

  /** State and post become durable together, before anything of them leaves the site. */
  save(header: EpochHeader, epoch: SiteEpoch, step: string, post: CeremonyPost): void {
    const state = epoch.save();
    writeDurably(this.file(header.epochId), JSON.stringify({ header, state: toBase64(state), step, post }));
    state.fill(0);
    this.prune();
  }

  private read(epochId: string): z.infer<typeof fileSchema> | null {
    const stored = readIfThere(this.file(epochId));
    return stored && fileSchema.parse(JSON.parse(stored.toString('utf8')));
  }

  private prune(): void {
    const files = readdirSync(this.folder).filter((name) => name.endsWith('.epoch')).map((name) => join(this.folder, name));
    const newestFirst = files.map((file) => ({ file, at: statSync(file).mtimeMs })).toSorted((a, b) => b.at - a.at);
    for (const { file } of newestFirst.slice(KEPT)) rmSync(file);
  }

  private file(epochId: string): string {
    return join(this.folder, `${epochId}.epoch`);
  }
}
