import { spawnSync } from 'node:child_process';
import { tempDir } from '@koinon/testing';
import { expect, it } from 'vitest';

const dist = new URL('../dist/', import.meta.url).href;

/** A node's own stores on a disk that runs full; prints what each of them says. */
const script = `
import { rmSync, writeFileSync } from 'node:fs';
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { PROTOCOL, releaseStatement } from '@koinon/contracts';
import { generateSigningKey, signStatement, signerFrom } from '@koinon/signing';
import { PrivacyLedger, checkedNoise } from '@koinon/local-training';
import { fit } from '@koinon/secure-tasks';
const { ReleaseStore } = await import(${JSON.stringify(dist)} + 'releases/release-store.js');
import { loadSiteKeys } from '@koinon/site-client';
const [home, fill] = process.argv.slice(-2);
const at = (name) => join(home, name);
const codeOf = async (act) => { try { await act(); return 'none'; } catch (error) { return error.code ?? String(error); } };
const { pkcs8, publicKey } = await generateSigningKey();
const signer = await signerFrom(pkcs8, publicKey);
const models = [64, 4_000_000].map((bytes) => randomBytes(bytes));
const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');
const store = () => new ReleaseStore(at('releases'), publicKey, { blob: async (sha256) => models.find((m) => digest(m) === sha256) }, 0);
const release = (version) => signStatement(releaseStatement.type, { protocol: PROTOCOL, model: 'tiny', version, releaseCounter: version,
  sha256: digest(models[version - 1]), bytes: models[version - 1].length, issuedAt: '2026-01-01T00:00:00Z', expiresAt: '2999-01-01T00:00:00Z' }, signer);
await store().remember(await store().fetch('tiny', await release(1)));
const file = at('privacy-ledger.json');
PrivacyLedger.create(file);
const ledger = PrivacyLedger.open(file, { budget: null, accountant: 'rdp', randomBytes });
const local = { steps: 5, samplingRate: 0.3, learningRate: 0.2, optimizer: 'sgd' };
const federation = { rounds: 5, local, privacy: { unit: 'record', epsilon: 1.2, delta: 1e-3, clippingNorm: 1, accountant: 'rdp', recordCountNoise: 10 } };
const plan = checkedNoise(federation, fit.charge({ federation, noiseMultiplier: 5 }));
const charge = async () => { for (let round = 1; round < 99; round++) ledger.chargeRound({ runId: 'run', round }, 85, plan); };
const fetched = await codeOf(async () => store().fetch('tiny', await release(2)));
if (fill === 'fill') for (let bytes = 1 << 20; bytes >= 1; ) try { writeFileSync(at('filler' + bytes + randomBytes(4).toString('hex')), randomBytes(bytes)); } catch { bytes >>= 1; }
const charged = await codeOf(charge);
const onDisk = PrivacyLedger.open(file, { budget: null, accountant: 'rdp', randomBytes }).mechanisms.length;
const keys = fill === 'fill' ? await codeOf(() => loadSiteKeys(at('new'))) : 'DISK_FULL';
console.log(JSON.stringify({ fetched, charged, sameOnDisk: onDisk === ledger.mechanisms.length, keys, serves: (await store().restore('tiny')).version }));
`;

/** Root has a file system of 1 MB to itself, which goes with the process; anybody else may write no file above 4 KB. */
function run(home: string): string {
  const node = `exec "$0" --input-type=module -e "$1" -- "$2"`;
  const shell =
    process.getuid!() === 0
      ? {
          command: 'unshare',
          before: ['--mount', 'sh', '-c'],
          line: `mount -t tmpfs -o size=1m tmpfs "$2" && ${node} fill`,
        }
      : { command: 'sh', before: ['-c'], line: `ulimit -f 8 && ${node} limit` };
  const child = spawnSync(shell.command, [...shell.before, shell.line, process.execPath, script, home], {
    encoding: 'utf8',
    cwd: new URL('..', import.meta.url),
  });
  if (child.status !== 0) throw new Error(child.stderr);
  return child.stdout;
}

it('a full disk is told by its code, costs nothing, and leaves what was there: ledger, keys, release', () => {
  using dir = tempDir();
  expect(JSON.parse(run(dir.path))).toEqual({
    fetched: 'DISK_FULL',
    charged: 'DISK_FULL',
    sameOnDisk: true,
    keys: 'DISK_FULL',
    serves: 1,
  });
});
