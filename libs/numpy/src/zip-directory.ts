import { NumpyError } from './error.js';

/** One file of an archive, still packed. */
export interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly packed: Uint8Array;
  /** Bytes after unpacking, and their CRC-32, as the directory says. */
  readonly size: number;
  readonly checksum: number;
}

const END_SIGNATURE = 0x06054b50;
const END_LENGTH = 22;
const CENTRAL_SIGNATURE = 0x02014b50;
const CENTRAL_LENGTH = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_LENGTH = 30;
const ENCRYPTED_FLAG = 1;
/** Stands where a ZIP64 field holds the value. */
const ELSEWHERE = 0xffffffff;

const malformed = (problem: string): NumpyError => new NumpyError('NUMPY_MALFORMED', 'archive', problem);

/**
 * The entries of a ZIP archive by its central directory (PKWARE APPNOTE 6.3, section 4.3). Sizes are taken from there
 * only: NumPy leaves them out of the local headers. Archives above 4 GiB, in parts, encrypted or with overlapping
 * entries are refused.
 * @throws NumpyError NUMPY_MALFORMED, NUMPY_UNSUPPORTED
 */
export function zipEntries(bytes: Uint8Array): ZipEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = endOf(view);
  const [parts, count, start] = [
    view.getUint16(end + 4, true),
    view.getUint16(end + 10, true),
    view.getUint32(end + 16, true),
  ];
  if (parts !== 0 || view.getUint16(end + 8, true) !== count)
    throw new NumpyError('NUMPY_UNSUPPORTED', 'archive', 'it is split into parts');
  const entries: ZipEntry[] = [];
  let offset = start;
  let used = 0;
  for (let index = 0; index < count; index++) {
    const found = entryAt(bytes, view, offset, end);
    entries.push(found.entry);
    offset = found.next;
    used += found.entry.packed.length;
  }
  if (offset !== end) throw malformed('its directory does not end where the archive does');
  // entries that share bytes would unpack to more than any honest file holds
  if (used > start) throw malformed('its entries overlap');
  return entries;
}

/** Offset of the end record: the last one that reaches exactly to the end of the file with its comment. */
function endOf(view: DataView): number {
  for (let at = view.byteLength - END_LENGTH; at >= Math.max(0, view.byteLength - END_LENGTH - 0xffff); at--) {
    if (
      view.getUint32(at, true) === END_SIGNATURE &&
      at + END_LENGTH + view.getUint16(at + 20, true) === view.byteLength
    )
      return at;
  }
  throw malformed('it does not end as a ZIP archive does');
}

function entryAt(bytes: Uint8Array, view: DataView, at: number, end: number): { entry: ZipEntry; next: number } {
  if (at + CENTRAL_LENGTH > end || view.getUint32(at, true) !== CENTRAL_SIGNATURE)
    throw malformed('its directory is damaged');
  const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as [
    number,
    number,
    number,
  ];
  const next = at + CENTRAL_LENGTH + nameLength + extraLength + commentLength;
  if (next > end) throw malformed('its directory is damaged');
  const name = new TextDecoder('latin1').decode(bytes.subarray(at + CENTRAL_LENGTH, at + CENTRAL_LENGTH + nameLength));
  const place = `entry ${JSON.stringify(name)}`;
  if ((view.getUint16(at + 8, true) & ENCRYPTED_FLAG) !== 0)
    throw new NumpyError('NUMPY_UNSUPPORTED', place, 'it is encrypted');
  const [checksum, packedLength, size, local] = [16, 20, 24, 42].map((field) => view.getUint32(at + field, true)) as [
    number,
    number,
    number,
    number,
  ];
  if ([packedLength, size, local].includes(ELSEWHERE))
    throw new NumpyError('NUMPY_UNSUPPORTED', place, 'it is larger than 4 GiB');

  if (local + LOCAL_LENGTH > end || view.getUint32(local, true) !== LOCAL_SIGNATURE)
    throw new NumpyError('NUMPY_MALFORMED', place, 'its local header is missing');
  const from = local + LOCAL_LENGTH + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  if (from + packedLength > end) throw new NumpyError('NUMPY_MALFORMED', place, 'it reaches past the archive');
  return {
    entry: {
      name,
      method: view.getUint16(at + 10, true),
      packed: bytes.subarray(from, from + packedLength),
      size,
      checksum,
    },
    next,
  };
}
