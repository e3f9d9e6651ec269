import { QueryFailedError } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { isDatabaseAway } from './unreachable.js';

const coded = (code: string, message = 'x'): Error => Object.assign(new Error(message), { code });

describe('a database that is away', () => {
  it.each([
    coded('57P01', 'terminating connection due to administrator command'),
    coded('57P03', 'the database system is starting up'),
    coded('53300'),
    coded('08006'),
    coded('ECONNREFUSED'),
    coded('ECONNRESET'),
    coded('ETIMEDOUT'),
    new Error('Connection terminated unexpectedly'),
    new Error('Connection terminated due to connection timeout'),
    new Error('timeout exceeded when trying to connect'),
    new Error('Client has encountered a connection error and is not queryable'),
    new QueryFailedError('SELECT 1', [], coded('57P01')),
    Object.assign(new AggregateError([coded('ECONNREFUSED')]), { code: 'ECONNREFUSED' }),
  ])('is known by %s', (error) => {
    expect(isDatabaseAway(error)).toBe(true);
  });

  it.each([
    coded('23505'),
    coded('22P05'),
    coded('ENOENT'),
    coded('53100', 'disk full'),
    new Error('x'),
    new QueryFailedError('SELECT', [], coded('42P01')),
    'ECONNREFUSED',
    null,
  ])('is not %s', (error) => {
    expect(isDatabaseAway(error)).toBe(false);
  });
});
