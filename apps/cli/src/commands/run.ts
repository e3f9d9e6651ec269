import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CodedError, federationSchema, parse, type RunView } from '@koinon/contracts';
import type { Command } from 'commander';
import { parse as parseYaml } from 'yaml';
import { connect } from '../connection.js';
import { output, table } from '../format.js';
import { follow } from '../up/run-federation.js';

interface Format {
  readonly format: string;
}

export function addRunCommands(program: Command, withFormat: (command: Command) => Command): void {
  const run = program.command('run').description('federated training runs');

  withFormat(run.command('list').description('runs, newest first')).action(async ({ format }: Format) => {
    output(format, await connect().runs(), listing);
  });

  withFormat(run.command('start').argument('<federation.yaml>').description('start a run of a federation'))
    .option('--seed <n>', 'repeatable data order', Number)
    .action(async (file: string, { format, seed }: Format & { seed?: number }) => {
      const spec = parse(federationSchema, parseYaml(readFileSync(file, 'utf8')));
      const client = connect();
      const put = async (path: string): Promise<string> => {
        const bytes = readFileSync(resolve(dirname(file), path));
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        await client.putBlob(sha256, bytes);
        return sha256;
      };
      const started = await client.startRun({
        spec, modelSha256: await put(spec.model.file), featureSchemaSha256: await put(spec.features), ...(seed === undefined ? {} : { seed }),
      });
      output(format, started, (r) => `run ${r.id} started; follow it with: koinon run watch ${r.id}\n`);
    });

  withFormat(run.command('watch').argument('[id]').description('follow a run to its end')).action(async (id: string | undefined, { format }: Format) => {
    const client = connect();
    const wanted = id ?? (await client.runs())[0]?.id;
    if (wanted === undefined) throw new CodedError('NOT_FOUND', 'there is no run yet');
    const ended = await follow(client, wanted, (line) => process.stderr.write(`${line}\n`), new AbortController().signal);
    output(format, ended, (r) => `run ${r.id}: ${r.state}${r.failure ? ` ${r.failure.code}` : ''}\n`);
    if (ended.state !== 'done') process.exitCode = 1;
  });
}

function listing(runs: readonly RunView[]): string {
  const metric = (r: RunView): string => r.rounds.at(-1)?.metrics?.auc.toFixed(3) ?? '–';
  const rows = runs.map((r) => [r.id, r.federation, r.state, `${r.rounds.filter((x) => x.state === 'done').length}/${r.spec.rounds}`, metric(r), r.startedAt]);
  return table(['run', 'federation', 'state', 'rounds', 'AUC', 'started'], rows);
}
