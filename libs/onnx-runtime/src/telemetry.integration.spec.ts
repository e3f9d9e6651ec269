import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const runtime = new URL('../dist/index.js', import.meta.url).href;
// y = x, as bytes of an ONNX file
const MODEL = 'CAg6OgoQCgF4EgF5IghJZGVudGl0eRIEdGVzdFoPCgF4EgoKCAgBEgQKAggBYg8KAXkSCgoICAESBAoCCAFCBAoAEA0=';
const use = `
  const { Session } = await import(${JSON.stringify(runtime)});
  const session = await Session.create(Buffer.from('${MODEL}', 'base64'));
  await session.release();`;

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'koinon-telemetry-'));
});
afterEach(() => rmSync(home, { recursive: true }));

/**
 * Runs a script as a user whose home is empty and tells what it has left there: `.cache` with an identifier and a queue
 * of events when telemetry is on. The runtime keeps still by itself where CI is set, so the script does not see that.
 */
async function filesLeftBy(script: string): Promise<string[]> {
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    env: { PATH: process.env['PATH'], HOME: home },
  });
  return readdirSync(home);
}

describe('ONNX Runtime', () => {
  it('leaves no device identifier and no queue of events', async () => {
    expect(await filesLeftBy(use)).toEqual([]);
  });

  it('may be used in a thread only when the main thread has silenced it', async () => {
    const inThread = `
      const { Worker } = await import('node:worker_threads');
      const { once } = await import('node:events');
      const thread = new Worker(${JSON.stringify(use)}, { eval: true });
      await once(thread, 'exit');`;
    await expect(filesLeftBy(inThread)).rejects.toThrow('main thread');
    expect(await filesLeftBy(`await import(${JSON.stringify(runtime)});${inThread}`)).toEqual([]);
  });
});
