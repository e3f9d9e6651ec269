#!/usr/bin/env node
/** `koinon`: starts a federation on one machine, and operates one anywhere. */
import { CodedError } from '@koinon/contracts';
import { Command, CommanderError, Option } from 'commander';
import { addModelCommands } from './commands/model.js';
import { addOnnxCommands } from './commands/onnx/index.js';
import { addPredictCommand } from './commands/predict.js';
import { addRunCommands } from './commands/run.js';
import { addUpCommand, Interrupted } from './commands/up.js';
import { platformRefusal } from './platform.mjs';

const EXPECTED_FAILURE = 2;
const INTERRUPTED = 130;

// A reader that has seen enough (`koinon run list | head -1`) is no failure; a lost terminal must not stop a shutdown.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

const withFormat = (command: Command): Command =>
  command.addOption(
    new Option('--format <format>', 'how to print the result').choices(['text', 'json']).default('text'),
  );

const program = new Command('koinon')
  .description('Federated learning across hospitals, and inference at the bedside.')
  .showHelpAfterError('(koinon help lists the commands)');
addUpCommand(program, withFormat);
addRunCommands(program, withFormat);
addModelCommands(program, withFormat);
addPredictCommand(program, withFormat);
addOnnxCommands(program, withFormat);

try {
  const refusal = platformRefusal(process.platform, process.arch);
  if (refusal !== null) throw new CodedError('PLATFORM_UNSUPPORTED', refusal);
  await program.parseAsync();
} catch (error) {
  if (error instanceof Interrupted) process.exitCode = INTERRUPTED;
  // it has said on stderr what was wrong
  else if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else {
    process.stderr.write(`koinon: ${describe(error)}\n`);
    process.exitCode = error instanceof CodedError ? EXPECTED_FAILURE : 1;
  }
}

function describe(error: unknown): string {
  if (error instanceof CodedError)
    return [
      `${error.code}: ${error.message}`,
      ...error.issues.map(({ path, message }) => `  ${path}: ${message}`),
    ].join('\n');
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
