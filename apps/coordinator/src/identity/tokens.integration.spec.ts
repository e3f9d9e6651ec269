import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir, withDatabase } from '@koinon/testing';
import { expect, it } from 'vitest';
import { InProcessCoordinator } from '../testing/in-process.fixture.js';

const database = withDatabase();

it('a token whose file was removed opens nothing after the restart; the other stays', async () => {
  using home = tempDir();
  const start = () => InProcessCoordinator.start({ databaseUrl: database.url, home: home.path, worker: false });
  const tokensOf = ({ operatorToken, viewerToken }: InProcessCoordinator) => ({ operatorToken, viewerToken });
  const before = await start();
  const leaked = tokensOf(before);
  await before[Symbol.asyncDispose]();
  rmSync(join(before.home, 'operator.token'));
  await using after = await start();
  const status = async (token: string) =>
    (await fetch(new URL('/v1/runs', after.url), { headers: { authorization: `Bearer ${token}` } })).status;
  expect(after.operatorToken).not.toBe(leaked.operatorToken);
  expect(await status(leaked.operatorToken)).toBe(401);
  for (const token of [after.operatorToken, leaked.viewerToken]) expect(await status(token)).toBe(200);
});
