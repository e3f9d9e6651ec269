import { allocate, type Datatype, elementCount, type Tensor, type TensorData } from '@koinon/inference';
import { ServingError } from './serving-error.js';

const integerRanges: Partial<Record<Datatype, readonly [number, number]>> = {
  UINT8: [0, 0xff],
  UINT16: [0, 0xffff],
  UINT32: [0, 0xffff_ffff],
  UINT64: [0, Number.MAX_SAFE_INTEGER],
  INT8: [-0x80, 0x7f],
  INT16: [-0x8000, 0x7fff],
  INT32: [-0x8000_0000, 0x7fff_ffff],
  INT64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
};

const expectation = (datatype: Datatype): string => {
  if (datatype === 'BOOL') return 'true or false';
  const range = integerRanges[datatype];
  return range ? `an integer from ${range[0]} to ${range[1]}` : `a finite number within the range of ${datatype}`;
};

/** The element as the typed array stores it; `undefined` when it does not fit. */
function toElement(value: unknown, datatype: Datatype): number | bigint | undefined {
  if (datatype === 'BOOL') return typeof value === 'boolean' ? Number(value) : undefined;
  if (typeof value !== 'number') return undefined;
  const range = integerRanges[datatype];
  if (range) {
    if (!Number.isInteger(value) || value < range[0] || value > range[1]) return undefined;
    return datatype === 'INT64' || datatype === 'UINT64' ? BigInt(value) : value;
  }
  // 1e39 is a finite number and an infinite FP32.
  return Number.isFinite(datatype === 'FP32' ? Math.fround(value) : value) ? value : undefined;
}

/**
 * Reads `data`, flat in row-major order or nested as the shape says.
 * @throws ServingError TENSOR_INVALID naming the input and the position, never the value.
 */
export function readJsonTensor(name: string, datatype: Datatype, shape: readonly number[], data: unknown): Tensor {
  if (!Array.isArray(data))
    throw new ServingError('TENSOR_INVALID', `Input "${name}" needs its values as an array under "data".`);
  const elements = elementCount(shape);
  const levels = Array.isArray(data[0]) ? shape : [elements];
  const target = allocate(datatype, elements);
  let next = 0;
  const read = (values: unknown, depth: number): void => {
    if (!Array.isArray(values) || values.length !== levels[depth]) {
      throw new ServingError(
        'TENSOR_INVALID',
        `Input "${name}" needs ${elements} values for its shape, in one flat array or in rows of equal length.`,
      );
    }
    for (const value of values) {
      if (depth < levels.length - 1) {
        read(value, depth + 1);
        continue;
      }
      const element = toElement(value, datatype);
      if (element === undefined) {
        throw new ServingError(
          'TENSOR_INVALID',
          `Input "${name}": value ${next} (counted from 0) must be ${expectation(datatype)}.`,
        );
      }
      target[next++] = element;
    }
  };
  read(data, 0);
  return { datatype, shape, data: target };
}

/**
 * @throws ServingError OUTPUT_INVALID for values that JSON cannot carry. A NaN is also no answer,
 * so it is refused rather than turned into null.
 */
export function toJsonData(name: string, { datatype, data }: Tensor): (number | boolean)[] {
  checkFinite(data, () => notFinite(name));
  return Array.from(data as Iterable<number | bigint>, (value) => {
    if (datatype === 'BOOL') return value !== 0;
    const number = Number(value);
    if (typeof value === 'bigint' && !Number.isSafeInteger(number)) {
      throw new ServingError(
        'OUTPUT_INVALID',
        `Output "${name}" has integers beyond 2^53; ask for it with "binary_data": true.`,
      );
    }
    return number;
  });
}

export const notFinite = (output: string): ServingError =>
  new ServingError(
    'OUTPUT_INVALID',
    `Output "${output}" is not finite for these inputs; check them against the model card.`,
  );

export function checkFinite(data: TensorData, refusal: () => ServingError): void {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return;
  for (const value of data) if (!Number.isFinite(value)) throw refusal();
}
