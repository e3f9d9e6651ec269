import { schemes } from '@koinon/he';
import type { Command } from 'commander';
import { Option } from 'commander';
import { seed, wanted } from '../arguments.js';
import type { UpFlags } from '../up/options.js';
import { up } from '../up/up.js';

/** A person or the system asked to stop. */
export class Interrupted extends Error {}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const HELP = `
Environment:
  KOINON_HOME                where everything is kept
                             (default: .koinon in the repository)
  KOINON_DATABASE_URL        a PostgreSQL of your own instead of the embedded
                             one; every federation needs its own database
  KOINON_REDIS_URL           queues in Redis instead of PostgreSQL
  KOINON_CONNECT_TIMEOUT_MS  how long to try PostgreSQL and Redis
                             (default: 30000)

A start with the same options and data goes on with what an earlier one began.
Exit codes: 0 done, 2 a failure with a code, 130 interrupted.`;

export function addUpCommand(program: Command, withFormat: (command: Command) => Command): void {
  withFormat(program.command('up').description('run the heart-disease federation on this machine and serve its model'))
    .option('--once', 'stop after the report')
    .option('--seed <n>', 'repeatable data order and initial weights (never keys or privacy noise)', seed)
    .option('--epsilon <e>', 'privacy budget, or "off" to train without noise', (text: string) =>
      text === 'off' ? text : wanted('a positive number or off', (v) => v > 0)(text),
    )
    .addOption(new Option('--encryption <scheme>', 'encryption scheme').choices(schemes.names))
    .option('--data <folder>', 'the hospitals’ tables, named as in models/heart-disease/data')
    .option(
      '--port <n>',
      'port of the coordinator; hospitals take the next ones',
      wanted('a port number', (v) => Number.isInteger(v) && v >= 0 && v < 65_530),
    )
    .option('--insecure-deterministic', 'draw privacy noise from the seed: repeatable, without any privacy')
    .addHelpText('after', HELP)
    .action(async (flags: UpFlags) => {
      const stopping = new AbortController();
      const stop = (): void => stopping.abort(new Interrupted());
      for (const signal of SIGNALS) process.on(signal, stop);
      // The process that started us was killed: it asks no more, and nobody else would stop us.
      process.once('disconnect', stop);
      process.channel?.unref();
      await up(flags, progress(), stopping.signal);
    });
}

function progress(): (line: string) => void {
  const started = performance.now();
  return (line) =>
    void process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
}
