import pg from 'pg';

/**
 * A connection whose loss is told by the queries that wait for it and by nothing else. Pools hand clients out without a
 * listener for errors: with the plain client, a connection killed at such a moment ends the process.
 */
export class QuietClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.on('error', () => undefined);
  }
}
