import { QueryFailedError } from 'typeorm';

/** SQLSTATE: class 08 (connection), 57P01 to 57P03 (the server ends or starts), 53300 (it takes no more connections). */
const STATE = /^(08...|57P0[1-3]|53300)$/;
const SYSTEM = /^(ECONN\w+|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;
/** node-postgres has no codes for what it notices itself. */
const DRIVER =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed)/;

/** Whether PostgreSQL was away, which passes, rather than anything being wrong with what was asked. */
export function isDatabaseAway(error: unknown): boolean {
  if (error instanceof QueryFailedError) return isDatabaseAway(error.driverError);
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return (typeof code === 'string' && (STATE.test(code) || SYSTEM.test(code))) || DRIVER.test(error.message);
}
