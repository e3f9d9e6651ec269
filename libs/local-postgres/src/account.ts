import { LocalPostgresError } from './errors.js';

/** The numeric identity a process runs under. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root, so root lends it one of these. None is ever created. */
const CANDIDATES = ['postgres', 'nobody'];

/**
 * Who runs the server.
 * @param self this process's account
 * @param passwd the text of /etc/passwd, read only when `self` is root
 * @param dataOwner owner of an existing data directory: PostgreSQL accepts nobody else
 * @returns undefined when the server runs as this process does
 * @throws LocalPostgresError ACCOUNT_MISSING
 */
export function serverAccount(self: Account, passwd: string, dataOwner?: Account): Account | undefined {
  if (self.uid !== 0) return undefined;
  if (dataOwner !== undefined && dataOwner.uid !== 0) return dataOwner;
  const entries = passwd.split('\n').map((line) => line.split(':'));
  for (const name of CANDIDATES) {
    const entry = entries.find((fields) => fields[0] === name);
    const uid = Number(entry?.[2]);
    const gid = Number(entry?.[3]);
    if (entry !== undefined && Number.isInteger(uid) && Number.isInteger(gid) && uid !== 0) return { uid, gid };
  }
  throw new LocalPostgresError('ACCOUNT_MISSING');
}
