import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GraphBuilder, attr, dataTypeCode, encodeModel, type Model } from '@koinon/onnx';
import { tempDir, type TempDir } from '@koinon/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { classifier, irregular } from './testing/models.js';

const program = fileURLToPath(new URL('../../../dist/main.js', import.meta.url));
const WAIT_MS = 30_000;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const ended = ({ status, stdout, stderr }: ReturnType<typeof spawnSync>): Ended => ({
  code: status,
  stdout: String(stdout),
  stderr: String(stderr),
});

function koinon(...args: readonly string[]): Ended {
  return ended(spawnSync(process.execPath, [program, ...args], { timeout: WAIT_MS }));
}

/** Picks rows beyond its table: it can be built, not run. */
function beyond(): Model {
  const graph = new GraphBuilder('beyond');
  const table = graph.initializer('table', 'float32', [3, 2], irregular(6));
  const index = graph.op('Add', [
    graph.op('Cast', [graph.input('x', 'int32', ['N', 2])], { to: attr.int(dataTypeCode('int64')) }),
    graph.ints(5),
  ]);
  graph.output(graph.op('Flatten', [graph.op('Gather', [table, index])], {}, 'y'));
  return graph.model();
}

describe.skipIf(process.platform !== 'linux')('koinon on files of every kind', () => {
  let folder: TempDir;
  let model: string;
  let rows: string;
  let pipe: string;
  let out: string;

  beforeAll(() => {
    folder = tempDir();
    [model, rows, pipe, out] = ['model.onnx', 'rows.json', 'pipe', 'out.onnx'].map((name) =>
      join(folder.path, name),
    ) as [string, string, string, string];
    writeFileSync(model, encodeModel(classifier()));
    writeFileSync(rows, JSON.stringify(Array.from({ length: 8 }, (_, row) => irregular(64, row / 9))));
    execFileSync('mkfifo', [pipe]);
  });
  afterAll(() => folder[Symbol.dispose]());

  const train = (file: string, to: string): string[] => [
    'train-graph',
    file,
    '--trainable',
    'weight',
    '--loss',
    'cross-entropy',
    '--optimizer',
    'sgd',
    '--out',
    to,
  ];
  const quantize = (file: string, data: string, to: string): string[] => [
    'quantize',
    file,
    '--calibration',
    data,
    '--out',
    to,
  ];

  it('neither waits for a pipe nor reads a device to its end', () => {
    for (const file of [pipe, '/dev/zero', folder.path]) {
      for (const args of [
        ['onnx', 'inspect', file],
        ['gradcheck', file],
        train(file, out),
        quantize(file, rows, out),
      ]) {
        expect(koinon(...args)).toEqual({
          code: 2,
          stdout: '',
          stderr: expect.stringMatching(/^koinon: MODEL_FILE_UNREADABLE: [^\n]+\n$/),
        });
      }
      expect(koinon(...quantize(model, file, out))).toEqual({
        code: 2,
        stdout: '',
        stderr: expect.stringMatching(/^koinon: CALIBRATION_INVALID: [^\n]+\n$/),
      });
      for (const args of [train(model, file), quantize(model, rows, file)]) {
        expect(koinon(...args)).toEqual({
          code: 2,
          stdout: '',
          stderr: expect.stringMatching(/^koinon: OUTPUT_FILE_UNWRITABLE: [^\n]+\n$/),
        });
      }
    }
    expect([statSync(pipe).isFIFO(), statSync('/dev/zero').isCharacterDevice()]).toEqual([true, true]);
  });

  it('keeps what was there when there is no room for the new file', () => {
    writeFileSync(out, 'old');
    // the shell's way to a full disk: no file may grow
    const { code, stderr } = ended(
      spawnSync('sh', ['-c', 'ulimit -f 0; exec "$@"', 'sh', process.execPath, program, ...train(model, out)], {
        timeout: WAIT_MS,
      }),
    );
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/^koinon: OUTPUT_FILE_UNWRITABLE: /) });
    expect([readFileSync(out, 'utf8'), readdirSync(folder.path).toSorted()]).toEqual([
      'old',
      ['model.onnx', 'out.onnx', 'pipe', 'rows.json'],
    ]);
    expect(koinon(...train(model, out)).code).toBe(0);
    expect(readFileSync(out).length).toBeGreaterThan(3);
  });

  it('says what the runtime refuses in one line of its own', () => {
    const file = join(folder.path, 'beyond.onnx');
    writeFileSync(file, encodeModel(beyond()));
    expect(koinon('gradcheck', file)).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^koinon: ONNX_RUNTIME: [^\n]+\n$/),
    });
  });

  it('exits with 2 on misuse and with 1 only where a check has found something', () => {
    const misuse = [
      ['gradcheck'],
      ['gradcheck', model, '--batch', 'x'],
      ['quantize', model],
      ['onnx', 'look'],
      [...train(model, out), '--clip', '0'],
    ];
    expect(misuse.map((args) => koinon(...args).code)).toEqual(misuse.map(() => 2));
    expect(koinon('train-graph', '--help')).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('--dims <name=size>') as string,
    });
    const { graph, ...rest } = classifier();
    const broken = join(folder.path, 'broken.onnx');
    writeFileSync(broken, encodeModel({ ...rest, graph: { ...graph, nodes: graph.nodes.slice(1) } }));
    expect(koinon('onnx', 'inspect', broken).code).toBe(1);
  });
});
