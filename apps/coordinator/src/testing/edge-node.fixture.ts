import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { federationSchema, type Federation } from '@koinon/contracts';
import { tempDir, type TempDir } from '@koinon/testing';
import type { InProcessCoordinator } from './in-process.fixture.js';

const root = (path: string): string => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));
const heart = (path: string): string => root(`models/heart-disease/${path}`);

export const heartModel = (): Uint8Array => new Uint8Array(readFileSync(heart('generated/model.onnx')));
export const heartSchema = (): Uint8Array => new Uint8Array(readFileSync(heart('records.schema.json')));

type HeartSite = 'cleveland' | 'hungarian' | 'switzerland' | 'va';

interface HeartData {
  readonly table: string;
  readonly split: string;
}

const heartData = (site: HeartSite): HeartData => ({
  table: heart(`data/processed.${site}.data`),
  split: heart('data/flamby_split_43.json'),
});

/** The same table `copies` times over, of which each copy's test rows are tested and one copy's training rows trained on. */
function repeated({ table, split }: HeartData, site: HeartSite, copies: number, folder: string): HeartData {
  const lines = readFileSync(table, 'utf8').trimEnd().split('\n');
  const { centres } = JSON.parse(readFileSync(split, 'utf8')) as {
    centres: Record<HeartSite, { train_rows: number[]; test_rows: number[] }>;
  };
  const { train_rows, test_rows } = centres[site];
  const written = { table: join(folder, 'table.data'), split: join(folder, 'split.json') };
  const tested = Array.from({ length: copies }, (_, copy) => test_rows.map((row) => row + copy * lines.length)).flat();
  writeFileSync(written.table, Array.from({ length: copies }, () => lines.join('\n')).join('\n'));
  writeFileSync(written.split, JSON.stringify({ centres: { [site]: { train_rows, test_rows: tested } } }));
  return written;
}

/** One round of two hospitals without noise that no gate lets through, so that only what is under test differs between runs. */
export function heartSpec(changes: Partial<Federation> = {}): Federation {
  return federationSchema.parse({
    name: 'heart',
    task: 'binary',
    model: { file: 'model.onnx', output: 'logits', trainable: ['weight', 'bias'], loss: 'bce' },
    records: 'records.schema.json',
    sites: { min: 2, threshold: 2, roundTimeoutMs: 60_000 },
    strategy: { name: 'fedavg' },
    rounds: 1,
    local: { steps: 1, samplingRate: 0.5, learningRate: 0.2, optimizer: 'sgd' },
    privacy: { unit: 'record', epsilon: null, delta: 1e-3, clippingNorm: 1, recordCountNoise: 0 },
    encryption: { scheme: 'one-time-key', bits: 16 },
    promotion: { gate: { minAuc: 1 } },
    ...changes,
  });
}

/** The edge node's own program with the records of one hospital: it looks at data, charges its ledger and trains as in a hospital. */
export class EdgeNode implements AsyncDisposable {
  private constructor(
    readonly site: string,
    private readonly dir: TempDir,
    private readonly child: ChildProcess,
  ) {}

  /**
   * @param budget what `KOINON_EPSILON_BUDGET` takes
   * @param testCopies how often each test record stands in the hospital's table
   */
  static async start(
    coordinator: InProcessCoordinator,
    site: HeartSite,
    budget: number | 'off',
    testCopies = 1,
  ): Promise<EdgeNode> {
    const { token, coordinatorKeyFingerprint } = await coordinator.client.invite(site, `Hospital ${site}`);
    const dir = tempDir();
    const [home, tokenFile] = [join(dir.path, 'home'), join(dir.path, 'token')];
    mkdirSync(home);
    writeFileSync(tokenFile, token, { mode: 0o600 });
    const data = testCopies === 1 ? heartData(site) : repeated(heartData(site), site, testCopies, dir.path);
    const env = {
      PATH: process.env['PATH'],
      KOINON_SITE: site,
      KOINON_HOME: home,
      KOINON_COORDINATOR_URL: coordinator.url,
      KOINON_COORDINATOR_FINGERPRINT: coordinatorKeyFingerprint,
      KOINON_ENROLMENT_TOKEN_FILE: tokenFile,
      KOINON_DATA_FILE: data.table,
      KOINON_SPLIT_FILE: data.split,
      KOINON_SPLIT_CENTRE: site,
      KOINON_SERVING_THREADS: '1',
      KOINON_PORT: '0',
      KOINON_EPSILON_BUDGET: String(budget),
    };
    const child = spawn(process.execPath, [root('apps/edge-node/dist/main.js')], {
      env,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    await once(child, 'message');
    return new EdgeNode(site, dir, child);
  }

  /** What the ledger file holds; null while there is none. */
  ledger(): string | null {
    const file = join(this.dir.path, 'home', 'privacy-ledger.json');
    return existsSync(file) ? readFileSync(file, 'utf8') : null;
  }

  /** Names of what it keeps in a folder of its home. */
  kept(folder: string): string[] {
    const path = join(this.dir.path, 'home', folder);
    return existsSync(path) ? readdirSync(path) : [];
  }

  /** Stops the process that waits for the next task: it takes the task and never begins it. @returns what lets it go on */
  holdNextTask(): () => void {
    const [waiting, ...more] = readdirSync('/proc').filter((pid) => this.isTask(pid));
    if (waiting === undefined || more.length > 0) throw new Error('not exactly one process waits for a task');
    process.kill(Number(waiting), 'SIGSTOP');
    return () => process.kill(Number(waiting), 'SIGCONT');
  }

  private isTask(pid: string): boolean {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const [, parent] = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
      return Number(parent) === this.child.pid && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('task.child');
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exit = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await exit;
    this.dir[Symbol.dispose]();
  }
}
