import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateSigningKey } from '@koinon/signing';
import { tempDir } from '@koinon/testing';
import { expect, it } from 'vitest';
import { loadCoordinatorKey } from './coordinator-key.js';

it('the coordinator’s key is made once, and one that is damaged or no pair is refused, not quoted and not replaced', async () => {
  using dir = tempDir();
  const file = join(dir.path, 'signing-key.json');
  const { publicKey } = await loadCoordinatorKey(dir.path);
  expect((await loadCoordinatorKey(dir.path)).publicKey).toBe(publicKey);
  const stored = JSON.parse(readFileSync(file, 'utf8')) as { pkcs8: string };
  const other = (await generateSigningKey()).publicKey;
  for (const content of [
    '',
    '{',
    '{"publicKey":"AA==","pkcs8":"c2VjcmV0"}',
    JSON.stringify({ ...stored, publicKey: other }),
  ]) {
    writeFileSync(file, content);
    await expect(loadCoordinatorKey(dir.path)).rejects.toMatchObject({
      code: 'KEY_UNUSABLE',
      message: expect.not.stringMatching('c2VjcmV0'),
    });
    expect(readFileSync(file, 'utf8')).toBe(content);
  }
});
