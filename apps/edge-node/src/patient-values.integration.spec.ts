/** No stream, file, reply or request of a node holds a value of a record, whatever a model or a client makes of it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AssignmentOf } from '@koinon/contracts';
import { GraphBuilder, attr, encodeModel } from '@koinon/onnx';
import { tempDir, type TempDir } from '@koinon/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { enrolledNode, releaseOf, taskOfSum } from './testing/enrolled-node.fixture.js';
import { federation, FakeCoordinator, KEY_EPOCH, Hospitals, OTHER_SUM, SUM, sha256 } from '@koinon/site-client/testing';
import { environmentOf } from './testing/node-config.fixture.js';

/** Exact in float32, and never in a text by chance. */
const WHOLE = 8_765_432 * 2 ** 20;
const fraction = Math.fround(Math.PI);
const planted = [String(WHOLE), String(fraction).slice(0, 11)];

/** Looks each record's first value up in a table of two rows: the runtime's own texts quote an index that is out of range. */
function lookup(): Uint8Array {
  const graph = new GraphBuilder('lookup');
  const row = graph.op(
    'Cast',
    [
      graph.op('Gather', [graph.input('features', 'float32', ['N', 2]), graph.constant('int64', [1], [0])], {
        axis: attr.int(1),
      }),
    ],
    { to: attr.int(7) },
  );
  graph.initializer('table', 'float32', [2], [0.5, -0.5]);
  graph.op('Gather', ['table', row], {}, 'logits');
  graph.output(graph.op('Sigmoid', ['logits'], {}, 'probability'), 'float32', ['N', 1]);
  return encodeModel(graph.model());
}

const column = (name: string, range: [number, number]) => ({ name, unit: '1', range });
const feature = (name: string) => ({
  name,
  unit: '1',
  type: 'number',
  range: [0, 1e13],
  column: name,
  transform: { kind: 'identity' },
  centre: 0,
  halfWidth: 1,
});
const schema = JSON.stringify({
  name: 'two values',
  input: { name: 'features', clip: 3 },
  source: {
    delimiter: ',',
    missing: '?',
    columns: [column('first', [0, 1e13]), column('second', [0, 1e13]), column('ill', [0, 1])],
  },
  label: { column: 'ill', positiveAbove: 0, oneClassSplits: [] },
  features: [feature('first'), feature('second')],
});
const [model, schemaBytes] = [lookup(), new TextEncoder().encode(schema)];
const asked = {
  ...federation,
  model: { ...federation.model, trainable: ['table'] },
  local: { ...federation.local, samplingRate: 1, learningRate: 1e-6 },
};
const told = { federation: asked, recordsSchemaSha256: sha256(schemaBytes), modelSha256: sha256(model) };

let dir: TempDir;
let home: string;
let coordinator: FakeCoordinator;
let node: ChildProcess;
let url: string;
let signer: Parameters<typeof releaseOf>[2];
/** Everything that left the node. */
const heard: string[] = [];

function writeTable(...extra: string[]): void {
  mkdirSync(join(dir.path, 'records'), { recursive: true });
  const rows = [
    '0,1,0',
    '1,1,1',
    ...Array.from({ length: 8 }, (_, row) => `${WHOLE},${fraction},${row % 2}`),
    ...extra,
  ];
  writeFileSync(join(dir.path, 'records', 'table.csv'), rows.join('\n'));
  const numbers = rows.map((_, row) => row);
  writeFileSync(
    join(dir.path, 'records', 'split.json'),
    JSON.stringify({
      centres: { here: { train_rows: numbers.filter((n) => n % 4 < 2), test_rows: numbers.filter((n) => n % 4 >= 2) } },
    }),
  );
}

/** With which code the node refuses what it is asked. */
async function refusalOf(assignment: AssignmentOf<'task'>): Promise<string> {
  const refusal = (): { code: string } | undefined =>
    (coordinator.posted('/v1/site/refusals') as { id: string; code: string }[]).find(
      ({ id }) => id === assignment.sumId,
    );
  coordinator.assign(assignment);
  await vi.waitFor(() => expect(refusal()).toBeDefined(), { timeout: 20_000, interval: 50 });
  coordinator.assign();
  return refusal()!.code;
}

async function ask(path: string, init?: RequestInit): Promise<number> {
  const response = await fetch(`${url}${path}`, init);
  heard.push(JSON.stringify([...response.headers]), await response.text());
  return response.status;
}

const infer = (input: object, rest: object = {}, headers: Record<string, string> = {}): Promise<number> =>
  ask('/v2/models/heart-disease/infer', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 2], ...input }], ...rest }),
  });

beforeAll(async () => {
  dir = tempDir();
  await (await Hospitals.ready(dir.path, 'one-time-key')).site('cleveland').ceremony.agreed(KEY_EPOCH);
  coordinator = await FakeCoordinator.start();
  coordinator.answer = ({ path, method }) => {
    if (path.endsWith('/blocks') && method === 'GET') return [];
    if (path.endsWith('/finish')) coordinator.assign();
    return undefined;
  };
  const enrolled = await enrolledNode(join(dir.path, 'cleveland'), coordinator);
  home = enrolled.config.home;
  signer = enrolled.coordinatorSigner;
  for (const blob of [model, schemaBytes]) coordinator.blobs.set(sha256(blob), blob);
  writeTable();
  node = spawn(process.execPath, [fileURLToPath(new URL('../dist/main.js', import.meta.url))], {
    env: {
      ...environmentOf(home, coordinator.url, enrolled.config.coordinatorKeyFingerprint),
      KOINON_DATA_FILE: join(dir.path, 'records', 'table.csv'),
      KOINON_SPLIT_FILE: join(dir.path, 'records', 'split.json'),
      KOINON_SPLIT_CENTRE: 'here',
      KOINON_PORT: '0',
      KOINON_SERVING_THREADS: '1',
      KOINON_EPSILON_BUDGET: 'off',
      NO_COLOR: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  for (const stream of [node.stdout, node.stderr])
    stream!.setEncoding('utf8').on('data', (text: string) => heard.push(text));
  const [{ ready }] = (await once(node, 'message')) as [{ ready: { url: string } }];
  url = ready.url;
});
afterAll(async () => {
  if (node.exitCode === null) {
    node.kill('SIGKILL');
    await once(node, 'exit');
  }
  await coordinator[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

describe('a node whose records a model cannot compute', () => {
  it('trains, where an index beyond its table is moved into it', async () => {
    coordinator.assign(taskOfSum('fit', told));
    await vi.waitFor(() => expect(coordinator.posted(`/v1/site/sums/${SUM}/finish`)).not.toEqual([]), {
      timeout: 20_000,
      interval: 50,
    });
  });

  it('refuses to evaluate and to read, with codes', async () => {
    expect(await refusalOf(taskOfSum('evaluate', told, { sumIndex: 1, sumId: OTHER_SUM }))).toBe('MODEL_INVALID');
    for (const row of [`x${WHOLE},1,0`, `1,${fraction}`, `1,${WHOLE}${WHOLE},0`, `"${WHOLE}`]) {
      writeTable(row);
      expect(await refusalOf(taskOfSum('evaluate', told, { sumIndex: 1, sumId: randomUUID() }))).toBe(
        'SITE_DATA_INVALID',
      );
    }
    writeTable();
  });

  it('answers requests without repeating them', async () => {
    coordinator.assign(await releaseOf(model, 1, signer));
    await expect.poll(() => ask('/v2/models/heart-disease/ready'), { timeout: 10_000 }).toBe(200);
    expect(await infer({ data: [1, fraction] })).toBe(200);
    expect(await infer({ data: [WHOLE, fraction] })).toBe(500);
    const refused = [
      infer({ data: [`${WHOLE}`, fraction] }),
      infer({ data: [WHOLE * 1e30, 1] }),
      infer({ data: [WHOLE, fraction, 1] }),
      infer({ data: `${WHOLE}` }),
      infer({ data: [1, 1], shape: [WHOLE, 2] }),
      infer({ data: [1, 1], datatype: `${WHOLE}` }),
      infer({ data: [1, 1], name: `${WHOLE}` }),
      infer({ data: [1, 1], parameters: { binary_data_size: WHOLE } }),
      infer({ data: [1, 1], parameters: `${WHOLE}` }),
      infer({ data: [1, 1] }, { outputs: [{ name: `${WHOLE}` }] }),
      infer({ data: [1, 1] }, { outputs: `${WHOLE}` }),
      infer({ data: [1, 1] }, { id: WHOLE }),
      infer({ data: [1, 1] }, {}, { 'koinon-timeout-ms': `${WHOLE}` }),
      infer({ data: [1, 1] }, {}, { 'inference-header-content-length': `${WHOLE}` }),
      infer({ data: [1, 1] }, {}, { 'content-type': `text/${WHOLE}` }),
      infer({ data: [1, 1] }, {}, { 'content-encoding': `${WHOLE}` }),
      ask('/v2/models/heart-disease/infer', { method: 'POST', body: `{"inputs": [${WHOLE} ${fraction}` }),
      ask(`/v2/models/heart-disease/versions/${WHOLE}/infer`, { method: 'POST', body: '{}' }),
      ask(`/v2/models/${WHOLE}`),
      ask(`/${WHOLE}`),
      ask(`/v2/%${WHOLE}`),
      ask('/v2/models/heart-disease/infer', { method: 'POST', body: `"${String(WHOLE).repeat(100_000)}"` }),
    ];
    for (const status of await Promise.all(refused)) expect(status).toBeOneOf([400, 404, 413, 415]);
    expect(await ask('/metrics')).toBe(200);
  });

  it('has said, written and sent nothing of them', async () => {
    node.kill('SIGTERM');
    await once(node, 'close');
    const files = globSync('**', { cwd: home })
      .map((file) => join(home, file))
      .filter((file) => statSync(file).isFile());
    const places: [string, string][] = [
      ...heard.map((text): [string, string] => ['a stream or reply', text]),
      ...coordinator.requests.map(({ path, headers, body }): [string, string] => [
        path,
        JSON.stringify(headers) + body.toString('latin1'),
      ]),
      ...files.map((file): [string, string] => [file, readFileSync(file, 'latin1')]),
    ];
    for (const code of ['EVALUATION_MODEL_INVALID', 'DATA_NOT_A_NUMBER', 'DATA_COLUMN_COUNT', 'INFERENCE_FAILED'])
      expect(heard.join('')).toContain(code);
    expect(files.length).toBeGreaterThan(3);
    const leaks = (text: string): boolean => planted.some((value) => text.includes(value));
    expect(leaks(readFileSync(join(dir.path, 'records', 'table.csv'), 'latin1'))).toBe(true);
    expect(places.filter(([, text]) => leaks(text)).map(([place, text]) => `${place}: ${text.slice(0, 500)}`)).toEqual(
      [],
    );
  });
});
