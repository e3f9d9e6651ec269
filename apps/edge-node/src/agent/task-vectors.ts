import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  countScores,
  digitsOfCounts,
  isSaturated,
  updateVector,
  type AssignmentOf,
  type Federation,
} from '@koinon/contracts';
import { Quantiser } from '@koinon/he';
import { readWeights } from '@koinon/onnx';
import type { NodeConfig } from '../config.js';
import { loadHospitalData } from '@koinon/records';
import { writeScratch } from '@koinon/service';
import type { CoordinatorLink, TrainingRound } from '@koinon/site-client';
import {
  TaskRunner,
  TrainingError,
  checkedNoise,
  testRecords,
  type NoisePlan,
  type PrivacyLedger,
} from '@koinon/local-training';

/** Turns an assignment into the vector that goes into the secure sum, charging the ledger when everything fits together and before a record is used. */
export class TaskVectors {
  private readonly tasks: TaskRunner;
  /** The assignment that was paid for last: from then on what is said of it may hang on records. */
  private paid: AssignmentOf<'train'> | undefined;
  /** Files of feature schemas by digest: the same in each round of a run. */
  private readonly schemas: Record<string, string> = {};
  private checked: { readonly recipe: string; readonly plan: NoisePlan } | undefined;

  constructor(
    private readonly config: NodeConfig,
    private readonly ledger: PrivacyLedger,
    private readonly link: Pick<CoordinatorLink, 'blob'>,
    signal: AbortSignal,
  ) {
    this.tasks = new TaskRunner(config.training, { signal });
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A round has begun: its training follows the key ceremony. */
  prepare(): void {
    this.tasks.prepare();
  }

  /**
   * @param signal kills the training
   * @returns the quantised update vector of this site, ready to encrypt
   */
  async update(assignment: AssignmentOf<'train'>, signal: AbortSignal): Promise<Uint32Array> {
    const { runId, round, federation, modelSha256, recordsSchemaSha256, noiseMultiplier, fit, seed } = assignment;
    const source = await this.source(recordsSchemaSha256);
    const model = await this.link.blob(modelSha256);
    const { train } = loadHospitalData(source);
    const plan = this.plan(federation, noiseMultiplier);
    const weights = readWeights(model, federation.model.trainable);
    const modelFile = this.file(modelSha256, 'onnx', model);
    let rows = 0;
    const charge = (): number => {
      rows = this.ledger.chargeRound(runId, round, train.rows, plan);
      this.paid = assignment;
      return rows;
    };
    const trained = await this.tasks
      .train(
        {
          modelFile,
          trainable: federation.model.trainable,
          loss: federation.model.loss,
          output: federation.model.output,
          data: source,
          weights,
          round,
          local: { ...federation.local, proximalMu: fit.proximalMu },
          privacy: {
            clippingNorm: federation.privacy.clippingNorm,
            noiseMultiplier: plan.noiseMultiplier,
            recordCountNoise: plan.recordCount.noiseMultiplier,
          },
          ...(seed === undefined ? {} : { seed }),
          insecureDeterministic: this.config.insecureDeterministic,
        },
        charge,
        signal,
      )
      .finally(() => rmSync(modelFile, { force: true }));
    const scaling = { maxRecords: federation.sites.maxRecords, range: federation.encryption.range };
    const delta = trained.weights.map((w, i) => w - weights[i]!);
    if (isSaturated(delta, scaling.range))
      throw new TrainingError(
        'TRAINING_DIVERGED',
        `most weights moved by more than ${scaling.range}; lower the learning rate`,
      );
    const vector = updateVector(delta, rows, scaling);
    return Quantiser.from({ bits: federation.encryption.bits, range: scaling.range }).quantise(vector, randomBytes);
  }

  /** Must be called when the encrypted update is on disk and before a byte of it is sent. */
  released({ runId, round }: TrainingRound): void {
    this.ledger.release(runId, round);
  }

  /**
   * Must be called before a training is refused. Whether it diverged or failed may hang on the trained weights: told, it is the
   * answer that the charge paid for. Repeated with fresh noise, such answers would average the noise away.
   */
  refused(assignment: AssignmentOf<'train'>): void {
    if (this.paid === assignment) this.released(assignment);
  }

  /** @returns digits of the score counts of the test split, integers that need no quantising */
  async evaluation(
    { federation, modelSha256, recordsSchemaSha256 }: AssignmentOf<'evaluate'>,
    signal: AbortSignal,
  ): Promise<Uint32Array> {
    const data = loadHospitalData(await this.source(recordsSchemaSha256));
    const modelFile = this.file(modelSha256, 'onnx', await this.link.blob(modelSha256));
    const scores = await this.tasks
      .evaluate({ modelFile, ...testRecords(data) }, signal)
      .finally(() => rmSync(modelFile, { force: true }));
    return digitsOfCounts(countScores(scores, data.test.labels), federation.encryption.bits);
  }

  /** The accountant takes a moment, so the last answer is kept, for exactly the recipe that will be trained with. */
  private plan({ privacy, local, rounds }: Federation, noiseMultiplier: number): NoisePlan {
    const recipe = JSON.stringify({ privacy, local, rounds, noiseMultiplier });
    if (this.checked?.recipe !== recipe)
      this.checked = { recipe, plan: checkedNoise({ privacy, local, rounds }, noiseMultiplier) };
    return this.checked.plan;
  }

  private async source(recordsSchemaSha256: string) {
    this.schemas[recordsSchemaSha256] ??= this.file(
      recordsSchemaSha256,
      'json',
      await this.link.blob(recordsSchemaSha256),
    );
    return { ...this.config.data, schemaFile: this.schemas[recordsSchemaSha256] };
  }

  /** Emptied at each start; a model does not outlive its task. */
  private get folder(): string {
    return join(this.config.home, 'work');
  }

  private file(sha256: string, extension: string, bytes: Uint8Array): string {
    const file = join(this.folder, `${sha256}.${extension}`);
    writeScratch(file, bytes);
    return file;
  }
}
