import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { gzipSync } from 'node:zlib';

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

interface Check {
  readonly at: string;
  readonly is?: string;
  readonly eq?: Json;
  readonly len?: number;
  readonly contains?: Json;
  readonly oneOf?: readonly Json[];
  readonly match?: string;
}

export interface ConformanceCase {
  readonly id: string;
  readonly level: 'MUST' | 'SHOULD' | 'EXT';
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Json;
  readonly expect: { readonly status: readonly number[]; readonly checks: readonly Check[] };
  readonly needs?: string;
  readonly steps?: readonly {
    readonly path: string;
    readonly body: Json;
    readonly compare?: string;
    readonly comparePrefix?: string;
  }[];
  readonly then?: readonly {
    readonly method: string;
    readonly path: string;
    readonly body?: Json;
    readonly status: readonly number[];
  }[];
}

export interface CaseConfig {
  readonly baseUrl: string;
  readonly model: string;
  readonly version: string;
  readonly input: string;
  readonly output: string;
  readonly N: number;
  readonly maxBodyBytes: number;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly json: unknown;
  /** Bytes after the JSON part; `undefined` for a JSON answer. */
  readonly tail: Buffer | undefined;
}

export const conformanceCases = (
  JSON.parse(readFileSync(new URL('./cases.json', import.meta.url), 'utf8')) as { cases: readonly ConformanceCase[] }
).cases;

/** Sends one case with its follow-up requests and returns what was wrong; an empty list is a pass. */
export async function runCase(config: CaseConfig, test: ConformanceCase): Promise<string[]> {
  const problems: string[] = [];
  const macros = new Macros(config);
  const answer = await send(config, macros, test.method, test.path, test.body, test.headers);
  if (!test.expect.status.includes(answer.status))
    problems.push(`status ${answer.status}, not ${test.expect.status.join(' or ')}`);
  else
    for (const check of test.expect.checks)
      if (!holds(check, answer, macros)) problems.push(`check ${JSON.stringify(check)}`);

  const json = { 'content-type': 'application/json' };
  for (const step of test.steps ?? []) {
    const other = await send(config, macros, 'POST', step.path, step.body, json);
    const place = step.compare ?? step.comparePrefix ?? '';
    const mine = numbers(at(answer.json, place));
    const theirs = numbers(at(other.json, place));
    const sameLength = step.compare === undefined || mine.length === theirs.length;
    const close = theirs.every((value, index) => Math.abs(value - (mine[index] ?? Number.NaN)) <= 1e-5);
    if (theirs.length === 0 || !sameLength || !close) problems.push(`another request gives another ${place}`);
  }
  for (const next of test.then ?? []) {
    const { status } = await send(
      config,
      macros,
      next.method,
      next.path,
      next.body,
      next.body === undefined ? {} : json,
    );
    if (!next.status.includes(status)) problems.push(`afterwards ${next.method} ${next.path} gives ${status}`);
  }
  return problems;
}

/** The abbreviations of cases.json: see `macros` there. */
class Macros {
  private readonly config: CaseConfig;

  constructor(config: CaseConfig) {
    this.config = config;
  }

  text(value: string): string {
    return value.replace(
      /\$\{(model|version|input|output)\}/g,
      (_all, name: 'model' | 'version' | 'input' | 'output') => this.config[name],
    );
  }

  expand(value: Json): Json {
    if (value === '$N' || value === '$N+1') return this.dim(value);
    if (typeof value === 'string') return this.text(value);
    if (isList(value)) return value.map((item) => this.expand(item));
    if (typeof value !== 'object' || value === null) return value;
    if ('$fill' in value) return this.fill(value);
    if ('$bytes' in value) return 4 * this.size(value['$bytes']);
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, this.expand(item)]));
  }

  /** The bytes of a body, and the length of its JSON part where the case sends that header. */
  body(value: Json): { bytes: Buffer; jsonLength?: string } {
    if (typeof value === 'object' && value !== null && !isList(value)) {
      if (typeof value['$raw'] === 'string') return { bytes: Buffer.from(this.text(value['$raw'])) };
      if (typeof value['$nest'] === 'number') {
        const depth = value['$nest'];
        return { bytes: Buffer.from(`{"inputs":${'['.repeat(depth)}${']'.repeat(depth)}}`) };
      }
      if (value['$pad'] !== undefined)
        return { bytes: Buffer.from(JSON.stringify({ id: 'x'.repeat(this.config.maxBodyBytes) })) };
      if (value['$gzip'] !== undefined) return { bytes: gzipSync(JSON.stringify(this.expand(value['$gzip']))) };
      const binary = value['$binary'] as
        | { header: Json; tensors: readonly { $fill: Json }[]; headerLength?: string }
        | undefined;
      if (binary) {
        const head = Buffer.from(JSON.stringify(this.expand(binary.header)));
        const tensors = binary.tensors.map((tensor) =>
          Buffer.from(Float32Array.from(this.fill(tensor) as number[]).buffer),
        );
        return { bytes: Buffer.concat([head, ...tensors]), jsonLength: binary.headerLength ?? String(head.length) };
      }
    }
    return { bytes: Buffer.from(JSON.stringify(this.expand(value))) };
  }

  private fill(spec: { readonly [name: string]: Json }): readonly Json[] {
    const values: Json[] = Array.from({ length: this.size(spec['$fill'] ?? []) }, (_, k) =>
      spec['int'] === true ? k % 7 : (k % 7) / 7,
    );
    if (spec['first'] !== undefined) values[0] = spec['first'];
    if (spec['nested'] !== true) return values;
    const width = this.dim((spec['$fill'] as readonly Json[]).at(-1));
    return Array.from({ length: values.length / width }, (_, row) => values.slice(row * width, (row + 1) * width));
  }

  private dim(value: Json | undefined): number {
    return value === '$N' ? this.config.N : value === '$N+1' ? this.config.N + 1 : Number(value);
  }

  private size(shape: Json): number {
    return (shape as readonly Json[]).reduce<number>((count, dim) => count * this.dim(dim), 1);
  }
}

function send(
  config: CaseConfig,
  macros: Macros,
  method: string,
  path: string,
  body: Json | undefined,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const { bytes, jsonLength } = body === undefined ? {} : macros.body(body);
  return new Promise((resolve, reject) => {
    const outgoing = request(`${config.baseUrl}${macros.text(path)}`, {
      method,
      headers: {
        ...headers,
        ...(bytes === undefined ? {} : { 'content-length': bytes.length }),
        ...(jsonLength === undefined ? {} : { 'inference-header-content-length': jsonLength }),
      },
    });
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const raw = Buffer.concat(chunks);
        const split = incoming.headers['inference-header-content-length'];
        const end = split === undefined ? raw.length : Number(split);
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          json: parsed(raw.subarray(0, end)),
          tail: split === undefined ? undefined : raw.subarray(end),
        });
      });
    });
    outgoing.end(bytes);
  });
}

function holds(check: Check, answer: Answer, macros: Macros): boolean {
  if (check.at === '$binaryTail') {
    const outputs = at(answer.json, 'outputs') as { parameters?: { binary_data_size?: number } }[];
    const announced = outputs.reduce((sum, { parameters }) => sum + (parameters?.binary_data_size ?? 0), 0);
    return announced > 0 && answer.tail?.length === announced;
  }
  const value = valueAt(check.at, answer);
  if (check.is !== undefined) return predicates[check.is]?.(value) ?? false;
  if (check.eq !== undefined) return JSON.stringify(value) === JSON.stringify(macros.expand(check.eq));
  if (check.len !== undefined) return Array.isArray(value) && value.length === check.len;
  if (check.contains !== undefined) return Array.isArray(value) && value.includes(macros.expand(check.contains));
  if (check.oneOf !== undefined) return check.oneOf.includes(value as Json);
  return check.match !== undefined && typeof value === 'string' && new RegExp(check.match).test(value);
}

function valueAt(place: string, answer: Answer): unknown {
  if (place === '$body') return answer.json;
  return place.startsWith('$header.') ? answer.headers[place.slice('$header.'.length)] : at(answer.json, place);
}

const predicates: Readonly<Record<string, (value: unknown) => boolean>> = {
  json: (value) => value !== undefined,
  nonEmptyString: (value) => typeof value === 'string' && value !== '',
  stringArray: (value) => Array.isArray(value) && value.every((item) => typeof item === 'string'),
  nonEmptyArray: (value) => Array.isArray(value) && value.length > 0,
  number: (value) => typeof value === 'number',
  positiveInt: (value) => Number.isInteger(value) && Number(value) > 0,
  absentOrString: (value) => value === undefined || typeof value === 'string',
  tensorConsistent: (value) => {
    const { shape, data } = value as { shape: number[]; data: unknown };
    const flat = numbers(data);
    return flat.length === shape.reduce((count, dim) => count * dim, 1) && flat.every((item) => Number.isFinite(item));
  },
};

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);
const numbers = (value: unknown): number[] => (Array.isArray(value) ? (value.flat(Infinity) as number[]) : []);
const at = (value: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch {
    return undefined;
  }
}
