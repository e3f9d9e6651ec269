import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** How a command names what it cannot read. */
export interface Refusals {
  readonly unreadable: () => Error;
  readonly tooLarge: (bytes: number) => Error;
}

/** The bytes of a regular file: a pipe would block and a device never end, so neither is opened for long. */
export async function readRegularFile(path: string, mostBytes: number, refuse: Refusals): Promise<Uint8Array> {
  const unreadable = (): never => {
    throw refuse.unreadable();
  };
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(unreadable);
  const found = await file.stat();
  if (!found.isFile()) throw refuse.unreadable();
  if (found.size > mostBytes) throw refuse.tooLarge(found.size);
  return await file.readFile().catch(unreadable);
}
