#!/usr/bin/env node
/** `koinon`: starts a federation on one machine, and operates one anywhere. */
import { CodedError } from '@koinon/contracts';
import { Command, InvalidArgumentError, Option } from 'commander';
import { addModelCommands } from './commands/model.js';
import { addPredictCommand } from './commands/predict.js';
import { addRunCommands } from './commands/run.js';
import type { UpFlags } from './up/options.js';
import { up } from './up/up.js';

const EXPECTED_FAILURE = 2;
const INTERRUPTED = 130;

const withFormat = (command: Command): Command =>
  command.addOption(new Option('--format <format>', 'how to print the result').choices(['text', 'json']).default('text'));

function number(check: (value: number) => boolean, wanted: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !check(value)) throw new InvalidArgumentError(`wanted: ${wanted}`);
    return value;
  };
}

const program = new Command('koinon').description('Federated learning across hospitals, and inference at the bedside.').showHelpAfterError();

withFormat(program.command('up').description('run the heart-disease federation on this machine and serve its model'))
  .option('--once', 'stop after the report')
  .option('--seed <n>', 'repeatable data order and initial weights (never keys or privacy noise)', number(Number.isSafeInteger, 'a whole number'))
  .option('--epsilon <e>', 'privacy budget, or "off" to train without noise', (text: string) => (text === 'off' ? text : number((v) => v > 0, 'a positive number or off')(text)))
  .addOption(new Option('--encryption <scheme>', 'encryption scheme').choices(['ckks-threshold', 'one-time-key']))
  .option('--port <n>', 'port of the coordinator; hospitals take the next ones', number((v) => Number.isInteger(v) && v >= 0 && v < 65_530, 'a port number'))
  .option('--insecure-deterministic', 'draw privacy noise from the seed: repeatable, without any privacy')
  .action(async (flags: UpFlags) => {
    const stopping = new AbortController();
    const stop = (): void => stopping.abort(new Interrupted());
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
    process.once('disconnect', stop);
    process.channel?.unref();
    await up(flags, progress(), stopping.signal);
  });
addRunCommands(program, withFormat);
addModelCommands(program, withFormat);
addPredictCommand(program, withFormat);

class Interrupted extends Error {}

function progress(): (line: string) => void {
  const started = performance.now();
  return (line) => void process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof Interrupted) process.exitCode = INTERRUPTED;
  else {
    const coded = error instanceof CodedError ? error : null;
    process.stderr.write(`koinon: ${coded ? `${coded.code}: ${coded.message}` : error instanceof Error ? `${error.stack ?? error.message}\n${String(error.cause ?? "")}` : String(error)}\n`);
    for (const issue of coded?.issues ?? []) process.stderr.write(`  ${issue.path}: ${issue.message}\n`);
    process.exitCode = coded ? EXPECTED_FAILURE : 1;
  }
}
