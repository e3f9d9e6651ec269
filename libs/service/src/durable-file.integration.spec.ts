import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';

const built = fileURLToPath(new URL('../dist/durable-file.js', import.meta.url));

function writer(script: string, ...args: string[]): ChildProcess {
  const source = `import { createDurably, writeDurably } from ${JSON.stringify(built)}; const args = process.argv.slice(1); ${script}`;
  return spawn(process.execPath, ['--input-type=module', '-e', source, '--', ...args], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
}

describe('two processes that create the same files at once', () => {
  it('agree on one winner for each', async () => {
    using dir = tempDir();
    const script =
      "process.once('message', () => { process.send(Array.from({ length: 100 }, (_, i) => createDurably(`${args[0]}/${i}`, args[1]))); process.disconnect(); }); process.send('up');";
    const writers = ['a', 'b'].map((name) => writer(script, dir.path, name));
    await Promise.all(writers.map((child) => once(child, 'message')));
    const answers = Promise.all(writers.map(async (child) => (await once(child, 'message')) as [boolean[]]));
    for (const child of writers) child.send('go');
    const [[first], [second]] = (await answers) as [[boolean[]], [boolean[]]];
    for (let i = 0; i < 100; i++) {
      expect(first[i], `file ${i}`).toBe(!second[i]);
      expect(readFileSync(join(dir.path, String(i)), 'utf8')).toBe(first[i] ? 'a' : 'b');
    }
    expect(readdirSync(dir.path)).toHaveLength(100);
  });
});

describe('a process that is killed while it writes', () => {
  it.each([1, 2, 3, 4, 5])('leaves the old content or the new, never a mixture (%i)', async (run) => {
    using dir = tempDir();
    const file = join(dir.path, 'state');
    // Writes for ever; every content is 300 kB of one byte.
    const child = writer(
      "for (let i = 1; ; i++) { writeDurably(args[0], new Uint8Array(300_000).fill(i)); process.stdout.write('.'); }",
      file,
    );
    let written = 0;
    for await (const chunk of child.stdout! as AsyncIterable<Buffer>) {
      written += chunk.length;
      if (written >= run * 3) break;
    }
    child.kill('SIGKILL');
    if (child.signalCode === null) await once(child, 'exit');
    const bytes = readFileSync(file);
    expect(bytes).toHaveLength(300_000);
    expect(bytes.every((byte) => byte === bytes[0])).toBe(true);
  });
});
