import { CodedError, type ModelView, type VersionDetail } from '@koinon/contracts';
import type { Command } from 'commander';
import { connect } from '../connection.js';
import { output, table } from '../format.js';

interface Format {
  readonly format: string;
}

export function addModelCommands(program: Command, withFormat: (command: Command) => Command): void {
  const model = program.command('model').description('models and where they came from');

  withFormat(model.command('list').description('models and their versions')).action(async ({ format }: Format) => {
    output(format, await connect().models(), listing);
  });

  withFormat(
    model
      .command('show')
      .argument('<name>')
      .argument('[version]', 'default: the champion')
      .description('one version with its lineage'),
  ).action(async (name: string, version: string | undefined, { format }: Format) => {
    const client = connect();
    const { versions } = await client.model(name);
    const wanted =
      version === undefined
        ? (versions.find((v) => v.aliases.includes('champion')) ?? versions[0])?.version
        : Number(version);
    if (wanted === undefined) throw new CodedError('NOT_FOUND', `${name} has no version yet`);
    if (!Number.isInteger(wanted)) throw new CodedError('REQUEST_INVALID', 'a version is a whole number');
    output(format, await client.version(name, wanted), detail);
  });
}

function listing(models: readonly ModelView[]): string {
  const rows = models.flatMap((m) =>
    m.versions.map((v) => [
      m.name,
      String(v.version),
      v.aliases.join(' ') || '–',
      v.metrics?.accuracy.toFixed(3) ?? '–',
      v.metrics?.auc.toFixed(3) ?? '–',
      v.sha256.slice(0, 12),
      v.servedBy.length > 0 ? String(v.servedBy.length) : '–',
    ]),
  );
  if (rows.length === 0) return 'there is no model yet\n';
  return table(['model', 'version', 'alias', 'accuracy', 'AUC', 'sha256', 'sites'], rows);
}

function detail(v: VersionDetail): string {
  const { lineage } = v;
  const facts: [string, string][] = [
    ['model', `${v.model} version ${v.version}${v.aliases.length ? ` (${v.aliases.join(', ')})` : ''}`],
    ['sha256', v.sha256],
    [
      'from',
      lineage.baseVersion === null
        ? 'a file an operator brought'
        : `version ${lineage.baseVersion}, ${lineage.round ? `round ${lineage.round}` : 'the same file, start'} of run ${lineage.runId}`,
    ],
    ['cohort', lineage.cohort.map((c) => c.site).join(', ') || '–'],
    ['left out', lineage.exclusions.map((e) => `${e.site} (${e.code})`).join(', ') || '–'],
    [
      'strategy',
      lineage.strategy
        ? [
            lineage.strategy.name,
            ...Object.entries(lineage.strategy.params).map(([name, value]) => `${name} ${value}`),
          ].join(', ')
        : '–',
    ],
    ['privacy', privacyOf(lineage.privacy)],
    [
      'encryption',
      lineage.encryption
        ? `${lineage.encryption.scheme}, t = ${lineage.encryption.threshold}, opened by ${lineage.encryption.decryptors.join(', ')}`
        : '–',
    ],
    [
      'metrics',
      v.metrics
        ? `accuracy ${v.metrics.accuracy.toFixed(3)}, AUC ${v.metrics.auc.toFixed(3)}, F1 ${v.metrics.f1.toFixed(3)} on ${v.metrics.records} test records`
        : '–',
    ],
    ['served by', v.servedBy.join(', ') || '–'],
    [
      'code',
      `${lineage.code.version}${lineage.code.lockfileSha256 ? `, lockfile ${lineage.code.lockfileSha256.slice(0, 16)}` : ''}`,
    ],
  ];
  return facts.map(([name, value]) => `${name.padEnd(11)} ${value}\n`).join('');
}

function privacyOf(privacy: VersionDetail['lineage']['privacy']): string {
  if (!privacy) return '–';
  if (privacy.epsilonSpent === null) return 'no noise, so no bound holds';
  return `ε ${privacy.epsilonSpent.toFixed(3)} at δ ${privacy.delta}, noise multiplier ${privacy.noiseMultiplier.toFixed(3)}`;
}
