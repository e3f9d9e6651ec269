import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { PrivacyLedger, type LedgerOptions } from './ledger.js';

const options: LedgerOptions = { budget: { epsilon: 1.2, delta: 1e-3 }, accountant: 'rdp', randomBytes };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'koinon-ledger-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('keeps a charge whose process was killed right after it', async () => {
  const file = join(folder, 'ledger.json');
  PrivacyLedger.create(file);
  const script = join(folder, 'charge.mjs');
  const built = new URL('../dist/ledger.js', import.meta.url).href;
  writeFileSync(
    script,
    `import { PrivacyLedger } from ${JSON.stringify(built)};
     import { randomBytes } from 'node:crypto';
     const ledger = PrivacyLedger.open(${JSON.stringify(file)}, { budget: { epsilon: 1.2, delta: 1e-3 }, accountant: 'rdp', randomBytes });
     ledger.chargeRound({ runId: 'run', round: 1 }, 85, {
       recordCount: { kind: 'gaussian', noiseMultiplier: 10, releases: 1 },
       round: { kind: 'sampled-gaussian', noiseMultiplier: 4.1, samplingRate: 0.3, steps: 5 },
     });
     process.kill(process.pid, 'SIGKILL');`,
  );
  const [, signal] = (await once(spawn(process.execPath, [script], { stdio: 'ignore' }), 'exit')) as [
    number | null,
    string | null,
  ];
  expect(signal).toBe('SIGKILL');
  expect(PrivacyLedger.open(file, options).mechanisms).toHaveLength(2);
});
