import { readNpy, readNpz, type NumpyArray } from '@koinon/numpy';
import { elementCount, printable, type Model, type Tensor, type ValueInfo } from '@koinon/onnx';
import { OnnxCommandError } from './command-error.js';
import { readRegularFile } from './regular-file.js';

/** Inputs of one run of the model, by name. */
export type Batch = Readonly<Record<string, Tensor>>;

/** Rows of float32 values for one input. */
interface Rows {
  readonly count: number;
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** A few hundred rows are enough; this holds a thousand photographs. */
const MOST_BYTES = 2 ** 28;
const DEEPEST_LIST = 16;

const invalid = (problem: string): OnnxCommandError => new OnnxCommandError('CALIBRATION_INVALID', problem);

const refusals = {
  unreadable: () => invalid('the calibration file cannot be read; check its name and your access'),
  tooLarge: (bytes: number) =>
    invalid(`the calibration file has ${bytes} bytes, the limit is ${MOST_BYTES}; keep a few hundred typical rows`),
};

/**
 * Batches for a model from a .npy file (one input), a .npz file (arrays named as the inputs are, or the only one), or
 * JSON: nested lists of rows, or an object of such lists by input. Rows that do not fill the last batch are left out.
 * @throws OnnxCommandError CALIBRATION_INVALID, NumpyError
 */
export async function calibrationBatches(file: string, model: Model): Promise<Batch[]> {
  const inputs = model.graph.inputs.filter(({ name }) => !model.graph.initializers.has(name));
  const arrays = await readArrays(file);
  const columns = inputs.map((input) => ({ input, rows: rowsOf(input, sourceOf(input, arrays, inputs.length === 1)) }));
  const [first] = columns;
  if (first === undefined) throw invalid('the model has no input');
  if (columns.some(({ rows }) => rows.count !== first.rows.count))
    throw invalid('the inputs have different numbers of rows');
  const fixed = inputs[0]?.dims?.[0];
  const size = typeof fixed === 'number' ? fixed : 1;
  return Array.from({ length: Math.floor(first.rows.count / size) }, (_, batch) =>
    Object.fromEntries(
      columns.map(({ input: { name }, rows: { dims, data } }) => {
        const width = elementCount(dims);
        return [
          name,
          {
            name,
            type: 'float32' as const,
            dims: [size, ...dims],
            data: data.slice(batch * size * width, (batch + 1) * size * width),
          },
        ];
      }),
    ),
  );
}

type Source = Pick<NumpyArray, 'dims'> & { readonly data: ArrayLike<number | bigint> };

async function readArrays(file: string): Promise<Map<string, Source>> {
  const bytes = await readRegularFile(file, MOST_BYTES, refusals);
  if (file.endsWith('.npz')) return readNpz(bytes);
  if (file.endsWith('.npy')) return new Map([['', readNpy(bytes)]]);
  const parsed = parseJson(bytes);
  if (Array.isArray(parsed)) return new Map([['', nested(parsed)]]);
  if (typeof parsed === 'object' && parsed !== null)
    return new Map(Object.entries(parsed).map(([name, value]) => [name, nested(value)]));
  throw invalid('the JSON is neither a list of rows nor an object of such lists');
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw invalid('the file is neither .npy, .npz nor JSON');
  }
}

/** The shape of nested lists and their numbers; every list of one depth has the same length. */
function nested(value: unknown): Source {
  const dims: number[] = [];
  for (let level: unknown = value; Array.isArray(level); level = (level as unknown[])[0]) {
    if (dims.push(level.length) > DEEPEST_LIST) throw invalid(`the JSON lists nest deeper than ${DEEPEST_LIST} levels`);
  }
  const data: unknown[] = dims.length === 0 ? [] : (value as unknown[]).flat(dims.length - 1);
  if (data.length !== elementCount(dims) || !data.every((item) => typeof item === 'number'))
    throw invalid('the JSON rows are not numbers in lists of equal length');
  return { dims, data };
}

const placeOf = ({ name }: ValueInfo): string => `input ${JSON.stringify(printable(name))}`;

/** A file with one array needs no name for a model with one input. */
function sourceOf(input: ValueInfo, arrays: ReadonlyMap<string, Source>, alone: boolean): Source {
  const [only, ...others] = arrays.values();
  const source = alone && others.length === 0 ? only : arrays.get(input.name);
  if (source !== undefined) return source;
  const found = [...arrays.keys()]
    .map((name) => printable(name, 20))
    .slice(0, 8)
    .join(', ');
  throw invalid(
    `${placeOf(input)}: the file has no array of this name, but ${found || 'none at all'}; name arrays as the inputs are, or give a .npy file`,
  );
}

function rowsOf(input: ValueInfo, source: Source): Rows {
  const { type, dims } = input;
  const place = placeOf(input);
  if (type !== 'float32')
    throw invalid(
      `${place} takes ${type ?? 'an unknown type'}; only float32 inputs can be calibrated; export the part of the model behind its Cast or embedding, which takes float32, or serve it as it is`,
    );
  const [count = 0, ...row] = source.dims;
  const wanted = dims?.slice(1).map((dim, axis) => (typeof dim === 'number' ? dim : (row[axis] ?? 1))) ?? row;
  // a row may be flat, and a missing channel axis of extent 1 is no difference
  const isFlat = row.length === 1 && row[0] === elementCount(wanted);
  if (!isFlat && withoutOnes(row) !== withoutOnes(wanted))
    throw invalid(`${place} takes rows of [${wanted.join(', ')}], the file has rows of [${row.join(', ')}]`);
  const data = Float32Array.from(source.data, Number);
  if (!data.every(Number.isFinite)) throw invalid(`${place}: a value is not finite`);
  return { count, dims: wanted, data };
}

const withoutOnes = (dims: readonly number[]): string => dims.filter((extent) => extent !== 1).join();
