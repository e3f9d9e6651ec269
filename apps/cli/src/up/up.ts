import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, type KoinonClient, type RunView, type VersionView } from '@koinon/contracts';
import { homeFolder, lockHome } from '../home.js';
import { useFederation } from './federation-folder.js';
import { Machine } from './machine.js';
import { planFrom, type UpFlags } from './options.js';
import { computeReference } from './reference.js';
import { reportOf, textReport, type Report } from './report.js';
import { follow, startOrResume } from './run-federation.js';
import { measureServing, waitForServing } from './serving.js';

const DEFAULT_PORT = 7400;

/** Starts everything, runs the federation to its end, reports, and goes on serving unless `once`. */
export async function up(flags: UpFlags, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const plan = planFrom(flags);
  if (plan.insecureDeterministic) say('\u001b[31mINSECURE: privacy noise comes from the seed. The result has no privacy; never do this with real records.\u001b[0m');
  const home = homeFolder();
  const unlock = lockHome(home);
  try {
    const folder = useFederation(home, plan.spec.name, plan.key);
    const machine = await Machine.start({ folder, plan, port: flags.port ?? (flags.once ? 0 : DEFAULT_PORT), say });
    try {
      signal.throwIfAborted();
      await machine.startHospitals();
      const run = await startOrResume(machine.client, plan);
      if (!flags.once) say(`dashboard ${machine.dashboardUrl}`);
      const [ended, reference] = await Promise.all([follow(machine.client, run.id, say, signal), computeReference(folder, plan, run.privacy.noiseMultiplier)]);
      if (ended.state !== 'done') throw new CodedError(ended.failure?.code ?? 'INTERNAL', ended.failure?.detail ?? `the run ${ended.state}`);
      const version = await releasedVersion(machine.client, ended);
      say(`waiting for every hospital to serve version ${version.version}`);
      const sites = await waitForServing(machine.client, version, signal);
      const serving = [];
      for (const site of sites) serving.push(await measureServing(site, version.model));
      const modelPath = await saveModel(machine.client, folder, version);
      print(reportOf({ run: ended, reference, version, modelPath, serving, dashboardUrl: machine.dashboardUrl }), flags.format);
      if (!flags.once) await served(say, signal);
    } finally {
      say('stopping');
      await machine.stop();
    }
  } finally {
    unlock();
  }
}

/** @throws CodedError when the gate held the last version back */
async function releasedVersion(client: KoinonClient, run: RunView): Promise<VersionView> {
  const { versions } = await client.model(run.spec.name);
  const version = versions.find((v) => v.runId === run.id && v.aliases.includes(run.spec.promotion.alias));
  if (!version) throw new CodedError('MODEL_INVALID', 'the promotion gate held the last version back; the audit log says why');
  return version;
}

async function saveModel(client: KoinonClient, folder: string, { model, version }: VersionView): Promise<string> {
  const target = join(folder, 'models', model, String(version));
  mkdirSync(target, { recursive: true, mode: 0o700 });
  const path = join(target, 'model.onnx');
  writeFileSync(path, await client.modelFile(model, version));
  return path;
}

function print(report: Report, format: UpFlags['format']): void {
  process.stdout.write(format === 'json' ? `${JSON.stringify(report, null, 2)}\n` : textReport(report));
}

async function served(say: (line: string) => void, signal: AbortSignal): Promise<void> {
  say('serving; press Ctrl-C to stop');
  if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
