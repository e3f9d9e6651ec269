import { NumpyError } from './error.js';

const storages = {
  '|u1': Uint8Array,
  '|i1': Int8Array,
  '|b1': Uint8Array,
  '<u2': Uint16Array,
  '<i2': Int16Array,
  '<u4': Uint32Array,
  '<i4': Int32Array,
  '<u8': BigUint64Array,
  '<i8': BigInt64Array,
  '<f4': Float32Array,
  '<f8': Float64Array,
} as const;

export type NumpyType = keyof typeof storages;
export type NumpyData = InstanceType<(typeof storages)[NumpyType]>;

/** Dense values in row-major order; `type` is NumPy's own name, a `|b1` holds 0 and 1. */
export interface NumpyArray {
  readonly type: NumpyType;
  readonly dims: readonly number[];
  readonly data: NumpyData;
}

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** NumPy writes the three keys sorted, as a Python literal padded with blanks. */
const HEADER_PATTERN = /^\{'descr': '([^']*)', 'fortran_order': (True|False), 'shape': \(((?:\d+, )*\d*,?)\), \} *\n$/;

/**
 * Reads one array of NumPy's format 1.0 to 3.0 (NEP 1, https://numpy.org/neps/nep-0001-npy-format.html). Pickled
 * objects, text, complex numbers, big-endian and Fortran-ordered data are refused.
 * @param place what to call the file in errors
 * @throws NumpyError NUMPY_MALFORMED, NUMPY_UNSUPPORTED
 */
export function readNpy(bytes: Uint8Array, place = 'array'): NumpyArray {
  const malformed = (problem: string): NumpyError => new NumpyError('NUMPY_MALFORMED', place, problem);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || magic.some((byte, index) => bytes[index] !== byte))
    throw malformed('it does not begin as a .npy file does');
  const version = view.getUint8(6);
  if (version < 1 || version > 3)
    throw new NumpyError('NUMPY_UNSUPPORTED', place, `format version ${version} is not 1, 2 or 3`);
  const start = version === 1 ? 10 : 12;
  const end = start + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (end > bytes.length) throw malformed('its header is longer than the file');

  const [, descr = '', order, shape = ''] =
    HEADER_PATTERN.exec(new TextDecoder('latin1').decode(bytes.subarray(start, end))) ?? [];
  if (order === undefined) throw malformed('its header is not the literal that NumPy writes');
  if (!Object.hasOwn(storages, descr))
    throw new NumpyError(
      'NUMPY_UNSUPPORTED',
      place,
      'only little-endian numbers and booleans can be read; save it with another dtype',
    );
  const type = descr as NumpyType;
  const dims = shape
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(Number);
  if (order === 'True' && dims.length > 1)
    throw new NumpyError('NUMPY_UNSUPPORTED', place, 'it is in Fortran order; save numpy.ascontiguousarray of it');

  const Storage = storages[type];
  const count = dims.reduce((product, dim) => product * dim, 1);
  const size = count * Storage.BYTES_PER_ELEMENT;
  if (!Number.isSafeInteger(size) || size !== bytes.length - end)
    throw malformed(`shape (${dims.join(', ')}) does not fit its ${bytes.length - end} bytes of data`);
  // copied, because the data may begin at any address; not by slice(), which a Buffer has as a view
  return { type, dims, data: new Storage(new Uint8Array(bytes.subarray(end)).buffer) };
}
