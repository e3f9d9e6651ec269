import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { gatherModel } from './testing/gather-model.js';

const runtime = new URL('../dist/index.js', import.meta.url).href;

describe('a session', () => {
  // The runtime prints by itself, past everything that this process could listen to.
  it('prints nothing of what it refuses, in the main thread and in others', async () => {
    const use = `
      const { Session, Tensor } = await import(${JSON.stringify(runtime)});
      const session = await Session.create(Buffer.from('${gatherModel.toString('base64')}', 'base64'));
      await session.run({ x: new Tensor('int64', [987654321n], [1]) }).then(() => process.exit(1), () => undefined);
      await session.release();`;
    const script = `${use}
      const { Worker } = await import('node:worker_threads');
      new Worker(${JSON.stringify(use)}, { eval: true });`;
    const printed = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    expect(printed).toEqual({ stdout: '', stderr: '' });
  });
});
