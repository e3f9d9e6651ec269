import type { Model } from '@koinon/onnx';
import { InvalidArgumentError } from 'commander';
import { wanted } from '../../arguments.js';
import { OnnxCommandError } from './command-error.js';

/** Sizes of open axes by name. Has no prototype: a model may name an axis `constructor`. */
export type Dims = Readonly<Record<string, number>>;

const MOST_RECORDS = 65_536;

export const count = wanted('a whole number above 0', (value) => Number.isSafeInteger(value) && value > 0);

/** Names separated by commas. */
export const names = (text: string): string[] =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

/** `name=size`, each in an option of its own. */
export function dims(text: string, previous?: Dims): Dims {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new InvalidArgumentError('wanted: name=size, such as seq=128');
  return Object.assign(Object.create(null) as object, previous, { [text.slice(0, at)]: count(text.slice(at + 1)) });
}

/** @throws OnnxCommandError DIMENSION_UNKNOWN, BATCH_TOO_LARGE */
export function checkSizes({ graph }: Model, batch: number, sizes: Dims = {}): void {
  if (batch > MOST_RECORDS)
    throw new OnnxCommandError(
      'BATCH_TOO_LARGE',
      `a batch holds at most ${MOST_RECORDS} records; use a smaller --batch and take more steps`,
    );
  const open = new Set(
    graph.inputs.flatMap((input) => input.dims?.slice(1) ?? []).filter((dim) => typeof dim === 'string'),
  );
  const unknown = Object.keys(sizes).find((name) => !open.has(name));
  if (unknown === undefined) return;
  const choice =
    open.size === 0 ? 'leave --dims out' : `there is ${[...open].map((name) => JSON.stringify(name)).join(', ')}`;
  throw new OnnxCommandError(
    'DIMENSION_UNKNOWN',
    `no input has an open axis ${JSON.stringify(unknown)} after its first; ${choice}`,
  );
}
