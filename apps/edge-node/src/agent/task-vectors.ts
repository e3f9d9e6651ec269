import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, type Federation } from '@koinon/contracts';
import { readWeights } from '@koinon/onnx';
import type { Charge, ChargedRound, Controls, RoundFrame, Task, Trained, Training } from '@koinon/secure-tasks';
import type { NodeConfig } from '../config.js';
import { loadHospitalData } from '@koinon/records';
import { writeScratch } from '@koinon/service';
import type { CoordinatorLink } from '@koinon/site-client';
import { TaskRunner, checkedNoise, testRecords, type NoisePlan, type PrivacyLedger } from '@koinon/local-training';

type Scored = Pick<RoundFrame, 'recordsSchemaSha256' | 'modelSha256'>;

/** Computes tasks from this site's records, charging the ledger when everything fits together and before a record is used. */
export class TaskVectors {
  private readonly tasks: TaskRunner;
  /** Files of record schemas by digest: the same in each round of a run. */
  private readonly schemas: Record<string, string> = {};
  private checked: { readonly recipe: string; readonly plan: NoisePlan } | undefined;

  constructor(
    private readonly config: NodeConfig,
    private readonly ledger: PrivacyLedger,
    private readonly link: Pick<CoordinatorLink, 'blob'>,
    private readonly controls: Controls,
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
   * @param signal kills what is computed
   * @returns this site's integers, ready to encrypt
   */
  compute(task: Task, signal: AbortSignal): Promise<Uint32Array> {
    return task.compute({
      randomBytes,
      controls: this.paidControls(),
      train: (asked, charges, correction) => this.train(asked, charges, correction, signal),
      score: (asked) => this.score(asked, signal),
      vector: async (sha256) => float32s(await this.link.blob(sha256)),
    });
  }

  /** A round that is built on was answered, whoever says that it counted: its training is never repeated under its charge. */
  private paidControls(): Controls {
    return {
      after: (runId, counted) => {
        if (counted !== null) this.refused({ runId, round: counted });
        return this.controls.after(runId, counted);
      },
      keep: (runId, counted, made) => this.controls.keep(runId, counted, made),
    };
  }

  /** Must be called when an encrypted answer of the round is on disk and before a byte of it is sent. */
  released(round: ChargedRound): void {
    this.ledger.release(round);
  }

  /**
   * Must be called before a task of a charged round is refused. Whether its training diverged or failed may hang on the trained
   * weights: told, it is the answer that the charge paid for. Repeated with fresh noise, such answers would average the noise away.
   */
  refused(round: ChargedRound): void {
    if (this.ledger.isCharged(round)) this.ledger.release(round);
  }

  private async train(
    asked: Training,
    charges: readonly Charge[],
    correction: Float32Array | null,
    signal: AbortSignal,
  ): Promise<Trained> {
    const { round, federation, modelSha256, recordsSchemaSha256, seed } = asked;
    const source = await this.source(recordsSchemaSha256);
    const model = await this.link.blob(modelSha256);
    const { train } = loadHospitalData(source);
    const plan = this.plan(federation, charges);
    const weights = readWeights(model, federation.model.trainable);
    const modelFile = this.file(modelSha256, 'onnx', model);
    let records = 0;
    const charge = (): number => (records = this.ledger.chargeRound(asked, train.rows, plan));
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
          local: { ...federation.local, proximalMu: asked.proximalMu },
          correction,
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
    return { delta: trained.weights.map((w, i) => w - weights[i]!), records };
  }

  private async score({ modelSha256, recordsSchemaSha256 }: Scored, signal: AbortSignal) {
    const data = loadHospitalData(await this.source(recordsSchemaSha256));
    const modelFile = this.file(modelSha256, 'onnx', await this.link.blob(modelSha256));
    const probabilities = await this.tasks
      .evaluate({ modelFile, ...testRecords(data) }, signal)
      .finally(() => rmSync(modelFile, { force: true }));
    return { probabilities, labels: data.test.labels };
  }

  /** The accountant takes a moment, so the last answer is kept, for exactly the recipe that will be trained with. */
  private plan({ privacy, rounds }: Federation, charges: readonly Charge[]): NoisePlan {
    const recipe = JSON.stringify({ privacy, rounds, charges });
    if (this.checked?.recipe !== recipe) this.checked = { recipe, plan: checkedNoise({ privacy, rounds }, charges) };
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

/** @throws CodedError REQUEST_INVALID */
function float32s(bytes: Uint8Array): Float32Array {
  if (bytes.length % Float32Array.BYTES_PER_ELEMENT > 0)
    throw new CodedError('REQUEST_INVALID', 'a vector that is no list of float32');
  return new Float32Array(Uint8Array.from(bytes).buffer);
}
