import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { CodedError, updateVector, type AssignmentOf, type Federation } from '@koinon/contracts';
import { Quantiser } from '@koinon/he';
import type { NodeConfig } from '../config.js';
import { loadHospitalData } from '../data/index.js';
import { writeDurably } from '../durable-file.js';
import type { CoordinatorLink } from '../link/coordinator-link.js';
import { checkedNoise, evaluateModel, flatWeights, runTraining, type NoisePlan, type PrivacyLedger } from '../training/index.js';

/** Turns an assignment into the vector that goes into the secure sum, charging the ledger before anything is computed. */
export class Trainer {
  private readonly plans = new Map<string, NoisePlan>();

  constructor(
    private readonly config: NodeConfig,
    private readonly ledger: PrivacyLedger,
    private readonly link: Pick<CoordinatorLink, 'blob'>,
    private readonly signal: AbortSignal,
  ) {}

  /** @returns the quantised update vector of this site, ready to encrypt */
  async update({ runId, round, federation, modelSha256, featureSchemaSha256, noiseMultiplier, seed }: AssignmentOf<'train'>): Promise<Uint32Array> {
    const source = await this.source(featureSchemaSha256);
    const model = await this.link.blob(modelSha256);
    const { train } = loadHospitalData(source);
    const plan = this.plan(runId, federation, noiseMultiplier);
    const rows = this.ledger.rowCount(`${runId}/rows`, train.rows, plan.rowCount);
    this.ledger.chargeTraining(`${runId}/${round}`, plan.round);
    const weights = flatWeights(model, federation.model.trainable);
    const trained = await runTraining({
      modelFile: this.file(modelSha256, 'onnx', model), trainable: federation.model.trainable, loss: federation.model.loss, logits: federation.model.logits,
      data: source, weights, round, local: federation.local, limits: this.config.training,
      privacy: { clippingNorm: federation.privacy.clippingNorm, noiseMultiplier: plan.noiseMultiplier, noisedRowCount: rows },
      ...(seed === undefined ? {} : { seed }), insecureDeterministic: this.config.insecureDeterministic,
    }, { signal: this.signal });
    const scaling = { maxRows: federation.sites.maxRows, range: federation.encryption.range };
    const vector = updateVector(trained.weights.map((w, i) => w - weights[i]!), rows, scaling);
    return Quantiser.from({ bits: federation.encryption.bits, range: scaling.range }).quantise(vector, randomBytes);
  }

  /** Must be called when the encrypted update is on disk and before a byte of it is sent. */
  released({ runId, round }: AssignmentOf<'train'>): void {
    this.ledger.release(`${runId}/${round}`);
  }

  /** @returns score counts of the test split, small integers that need no quantising */
  async evaluation({ modelSha256, featureSchemaSha256 }: AssignmentOf<'evaluate'>): Promise<Uint32Array> {
    const data = loadHospitalData(await this.source(featureSchemaSha256));
    return evaluateModel(await this.link.blob(modelSha256), data);
  }

  /** Checked once per run: the accountant takes a moment. */
  private plan(runId: string, federation: Federation, noiseMultiplier: number): NoisePlan {
    const known = this.plans.get(runId);
    if (known?.noiseMultiplier === noiseMultiplier) return known;
    const plan = checkedNoise(federation, noiseMultiplier);
    this.plans.set(runId, plan);
    return plan;
  }

  private async source(featureSchemaSha256: string) {
    const schema = await this.link.blob(featureSchemaSha256);
    return { ...this.config.data, schemaFile: this.file(featureSchemaSha256, 'json', schema) };
  }

  private file(sha256: string, extension: string, bytes: Uint8Array): string {
    const file = join(this.config.home, 'work', `${sha256}.${extension}`);
    writeDurably(file, bytes);
    return file;
  }
}

/** The catalogue code under which a local failure is told to the coordinator; details stay in the node's own log. */
export function refusalCode(error: unknown): CodedError['code'] {
  if (error instanceof CodedError) return error.code;
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string') return 'INTERNAL';
  if (code === 'TRAINING_BUDGET_EXHAUSTED' || code === 'TRAINING_NOISE_REQUIRED') return 'BUDGET_EXHAUSTED';
  if (code.startsWith('TRAINING_')) return 'SITE_TRAINING_FAILED';
  if (code.startsWith('DATA_')) return 'SITE_DATA_INVALID';
  if (code === 'STATE_INVALID') return 'SITE_STATE_LOST';
  return 'INTERNAL';
}
