import { CodedError, type RunView } from '@koinon/contracts';
import { type KoinonClient } from '@koinon/client';
import type { Command } from 'commander';
import { seed } from '../arguments.js';
import { connect } from '../connection.js';
import { output, table, time } from '../format.js';
import { putFile } from '../put-file.js';
import { durationOf } from '../up/progress.js';
import { patientFetch } from '../up/patient-fetch.js';
import { follow } from '../up/run-federation.js';
import { readFederationFile } from '../federation-file.js';

interface Format {
  readonly format: string;
}

const SHORT_ID = 8;
const short = (id: string): string => id.slice(0, SHORT_ID);

export function addRunCommands(program: Command, withFormat: (command: Command) => Command): void {
  const run = program.command('run').description('federated training runs');

  withFormat(run.command('list').description('runs, newest first')).action(async ({ format }: Format) => {
    output(format, await connect().runs(), listing);
  });

  withFormat(run.command('start').argument('<federation.yaml>').description('start a run of a federation'))
    .option('--seed <n>', 'repeatable data order', seed)
    .action(async (file: string, { format, seed }: Format & { seed?: number }) => {
      const { spec, modelFile, recordsSchemaFile } = readFederationFile(file);
      const client = connect();
      const [modelSha256, recordsSchemaSha256] = [
        await putFile(client, modelFile),
        await putFile(client, recordsSchemaFile),
      ];
      const started = await client.startRun({
        spec,
        modelSha256,
        recordsSchemaSha256,
        ...(seed === undefined ? {} : { seed }),
      });
      output(format, started, ({ id }) => `run ${short(id)} started; follow it with: koinon run watch ${short(id)}\n`);
    });

  withFormat(
    run
      .command('watch')
      .argument('[id]', 'default: the newest run; the first characters are enough')
      .description('follow a run to its end'),
  ).action(async (id: string | undefined, { format }: Format) => {
    const { signal } = new AbortController();
    const say = (line: string): void => void process.stderr.write(`${line}\n`);
    const patient = connect(patientFetch(signal, () => say('the coordinator or its database is away; waiting for it')));
    const ended = await follow(patient, await findRun(connect(), id ?? ''), say, signal);
    output(format, ended, summary);
    if (ended.state !== 'done') process.exitCode = 1;
  });
}

/** @returns the id of the only run that begins like this; the newest one's for an empty beginning */
async function findRun(client: KoinonClient, beginning: string): Promise<string> {
  const [found, another] = (await client.runs()).filter(({ id }) => id.startsWith(beginning));
  if (!found) throw new CodedError('NOT_FOUND', beginning ? `no run begins with ${beginning}` : 'there is no run yet');
  if (another && beginning) throw new CodedError('NOT_FOUND', `several runs begin with ${beginning}`);
  return found.id;
}

const score = (value: number | undefined): string => value?.toFixed(3) ?? '–';

function listing(runs: readonly RunView[]): string {
  if (runs.length === 0) return 'there is no run yet\n';
  const rows = runs.map((r) => [
    short(r.id),
    r.federation,
    r.state,
    `${r.rounds.filter((x) => x.state === 'done').length}/${r.spec.rounds}`,
    score(r.rounds.at(-1)?.metrics?.auc),
    time(r.startedAt),
  ]);
  return table(['run', 'federation', 'state', 'rounds', 'AUC', 'started'], rows);
}

function summary(run: RunView): string {
  const rows = run.rounds.map((r) => [
    String(r.number),
    r.state,
    r.participants.join(' '),
    (durationOf(r) / 1000).toFixed(1),
    score(r.metrics?.accuracy),
    score(r.metrics?.auc),
  ]);
  const failure = run.failure ? `: ${run.failure.code}${run.failure.detail ? ` (${run.failure.detail})` : ''}` : '';
  return `${table(['round', 'state', 'hospitals', 'seconds', 'accuracy', 'AUC'], rows)}run ${short(run.id)} ${run.state}${failure}\n`;
}
