import { appendFileSync, existsSync, renameSync, statSync } from 'node:fs';

/** Together with its predecessor a program's log never takes more than twice this. */
const MAX_BYTES = 2 ** 20;

/**
 * Appends to `file`; a full one becomes `file.1`, which replaces the one before. What cannot be written is lost: a full
 * disk must not stop whoever serves predictions.
 */
export class LogFile {
  private bytes: number;

  constructor(
    private readonly file: string,
    private readonly maxBytes = MAX_BYTES,
  ) {
    this.bytes = existsSync(file) ? statSync(file).size : 0;
  }

  append(text: string): void {
    const size = Buffer.byteLength(text);
    try {
      if (this.bytes > 0 && this.bytes + size > this.maxBytes) {
        renameSync(this.file, `${this.file}.1`);
        this.bytes = 0;
      }
      appendFileSync(this.file, text, { mode: 0o600 });
      this.bytes += size;
    } catch {
      // As said above.
    }
  }
}
