import { printable } from '@koinon/onnx';

const MOST_IN_CELL = 80;
/** The last column is not padded, so it may hold a sentence. */
const MOST_IN_LAST_CELL = 500;

/** A plain table with aligned columns. Cells may come from files of others: they are cut and cannot act on the terminal. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows].map((cells) =>
    cells.map((cell, i) => printable(cell, i < cells.length - 1 ? MOST_IN_CELL : MOST_IN_LAST_CELL)),
  );
  const widths = head.map((_, i) => lines.reduce((widest, cells) => Math.max(widest, cells[i]!.length), 0));
  return lines
    .map(
      (cells) =>
        `${cells
          .map((cell, i) => (i < cells.length - 1 ? cell.padEnd(widths[i]!) : cell))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** An instant to the minute, in UTC and saying so. */
export function time(instant: string): string {
  return `${new Date(instant).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** A number of bytes in the largest unit that leaves at least 1. */
export function size(bytes: number): string {
  const unit = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(bytes) / 10)));
  return `${(bytes / 1024 ** unit).toFixed(unit === 0 ? 0 : 1)} ${units[unit]!}`;
}

/** Prints the value as JSON or as the text made of it. */
export function output<T>(format: string, value: T, text: (value: T) => string): void {
  process.stdout.write(format === 'json' ? `${JSON.stringify(value, null, 2)}\n` : text(value));
}
