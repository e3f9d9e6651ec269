import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { TrainJob } from './protocol.js';
import { runTraining } from './run-training.js';
import { TrainingError } from './training-error.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'koinon child '));
});
afterAll(() => rmSync(folder, { recursive: true }));

function childThat(name: string, body: string): string {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, `process.once('message', (job) => { ${body} });`);
  return file;
}

const job: TrainJob = {
  modelFile: 'model.onnx',
  trainable: ['weight'],
  loss: 'bce',
  logits: 'logits',
  data: { file: 'a', schemaFile: 'b', splitFile: 'c', centre: 'd' },
  weights: Float32Array.of(0.5, -2),
  round: 1,
  local: { steps: 5, samplingRate: 0.3, learningRate: 0.2, optimizer: 'sgd', proximalMu: 0 },
  privacy: { clippingNorm: 1, noiseMultiplier: 1 },
  limits: { memoryMb: 256, timeoutMs: 60_000 },
};

const charge = (): number => 30;

describe('runTraining', () => {
  it('hands the job over, takes the result back and gives the child no environment', async () => {
    const echo = childThat(
      'echo',
      `const steps = process.env.KOINON_SECRET === undefined && process.env.PATH === undefined ? job.local.steps : -1;
       process.send({ kind: 'done', result: { weights: job.weights, loss: null, steps } }, () => process.disconnect());`,
    );
    process.env.KOINON_SECRET = 'x';
    try {
      expect(await runTraining(job, charge, { childFile: echo })).toEqual({ weights: Float32Array.of(0.5, -2), loss: null, steps: 5 });
    } finally {
      delete process.env.KOINON_SECRET;
    }
  });

  it.each([
    ['TRAINING_DATA_INVALID', `process.send({ kind: 'failed', code: 'TRAINING_DATA_INVALID', message: 'row 3' })`, {}],
    ['TRAINING_CRASHED', `process.exit(3)`, {}],
    ['TRAINING_CRASHED', `throw new Error('boom')`, {}],
    ['TRAINING_CRASHED', `process.kill(process.pid, 'SIGKILL')`, {}],
    ['TRAINING_TIMED_OUT', `for (;;);`, { timeoutMs: 400 }],
    // Outside the JavaScript heap: only the watchdog sees it.
    ['TRAINING_MEMORY_EXCEEDED', `globalThis.hog = []; setInterval(() => hog.push(Buffer.alloc(2 ** 24, 1)), 5)`, {}],
    ['TRAINING_MEMORY_EXCEEDED', `globalThis.hog = []; for (;;) hog.push(Array.from({ length: 1000 }, (_, i) => ({ i })))`, {}],
  ])('ends with %s a child that runs %j', async (code, body, limits) => {
    const childFile = childThat(code + body.length, body);
    await expect(runTraining({ ...job, limits: { ...job.limits, ...limits } }, charge, { childFile })).rejects.toMatchObject({ code });
  });

  it('pays when the child says that it could train, and not before', async () => {
    const ready = childThat('ready', `process.once('message', ({ noisedRowCount }) => process.send({ kind: 'done', result: { weights: job.weights, loss: null, steps: noisedRowCount } }, () => process.disconnect())); process.send({ kind: 'ready' });`);
    const unfit = childThat('unfit', `process.send({ kind: 'failed', code: 'TRAINING_MODEL_INVALID', message: 'no such value' })`);
    const paid = vi.fn<() => number>(() => 42);
    await expect(runTraining(job, paid, { childFile: unfit })).rejects.toMatchObject({ code: 'TRAINING_MODEL_INVALID' });
    expect(paid).not.toHaveBeenCalled();
    expect(await runTraining(job, paid, { childFile: ready })).toMatchObject({ steps: 42 });
    expect(paid).toHaveBeenCalledTimes(1);
    const refuse = (): never => {
      throw new TrainingError('TRAINING_BUDGET_EXHAUSTED', 'spent');
    };
    await expect(runTraining(job, refuse, { childFile: ready })).rejects.toMatchObject({ code: 'TRAINING_BUDGET_EXHAUSTED' });
  });

  it('kills the child when it is cancelled, also before it starts', async () => {
    const childFile = childThat('hang', 'for (;;);');
    const controller = new AbortController();
    const running = runTraining(job, charge, { childFile, signal: controller.signal });
    controller.abort();
    await expect(running).rejects.toMatchObject({ code: 'TRAINING_CANCELLED' });
    await expect(runTraining(job, charge, { childFile, signal: controller.signal })).rejects.toMatchObject({ code: 'TRAINING_CANCELLED' });
  });

  it.each([
    ['trainable', { trainable: [] }],
    ['weights', { weights: Float32Array.of(Number.NaN) }],
    ['round', { round: 0 }],
    ['local.samplingRate', { local: { ...job.local, samplingRate: 1.5 } }],
    ['local.proximalMu', { local: { ...job.local, proximalMu: -1 } }],
    ['insecureDeterministic', { insecureDeterministic: true }],
    ['limits.memoryMb', { limits: { ...job.limits, memoryMb: 64 } }],
  ])('refuses a job whose %s cannot be honoured', async (field, over) => {
    await expect(runTraining({ ...job, ...over }, charge)).rejects.toMatchObject({ code: 'TRAINING_JOB_INVALID', message: expect.stringContaining(field) });
  });
});
