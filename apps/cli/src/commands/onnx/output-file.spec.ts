import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { outputPlace, writeOutput } from './output-file.js';

const bytes = Uint8Array.of(1, 2, 3);

describe('writeOutput', () => {
  it('replaces a file and keeps its permissions', async () => {
    using folder = tempDir();
    const file = join(folder.path, 'out.onnx');
    writeFileSync(file, 'old');
    chmodSync(file, 0o600);
    await writeOutput(await outputPlace(file), bytes);
    expect([readFileSync(file), statSync(file).mode & 0o777, readdirSync(folder.path)]).toEqual([
      Buffer.from(bytes),
      0o600,
      ['out.onnx'],
    ]);
  });

  it('follows a link to the file it stands for', async () => {
    using folder = tempDir();
    mkdirSync(join(folder.path, 'models'));
    const [file, link] = [join(folder.path, 'models', 'out.onnx'), join(folder.path, 'link.onnx')];
    writeFileSync(file, 'old');
    symlinkSync(file, link);
    await writeOutput(await outputPlace(link), bytes);
    expect([readFileSync(file), readdirSync(join(folder.path, 'models'))]).toEqual([Buffer.from(bytes), ['out.onnx']]);
  });
});

describe('outputPlace', () => {
  it('makes nothing', async () => {
    using folder = tempDir();
    await outputPlace(join(folder.path, 'out.onnx'));
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it.each(['/dev/null', '/dev/full', '/', '', 'absent/out.onnx', `${'x'.repeat(300)}.onnx`])(
    'refuses %j',
    async (file) => {
      await expect(outputPlace(file)).rejects.toMatchObject({ code: 'OUTPUT_FILE_UNWRITABLE' });
    },
  );
});
