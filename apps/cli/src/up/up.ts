import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { styleText } from 'node:util';
import { CodedError, catalogue, type VersionView } from '@koinon/contracts';
import { type KoinonClient } from '@koinon/client';
import { readWeights } from '@koinon/onnx';
import { output } from '../format.js';
import { carryHomeOver, homeFolder, lockHome } from '../home.js';
import { useFederation } from '../federation-folder.js';
import { Machine } from './machine.js';
import { planFrom, type UpFlags } from './options.js';
import { Reference } from './reference.js';
import { releasedVersion } from './released-version.js';
import { reportOf } from './report.js';
import { textReport } from './report-text.js';
import { follow, requireDone, startOrResume } from './run-federation.js';
import { measureServing } from './serving.js';

const DEFAULT_PORT = 7400;

/**
 * Starts everything, runs the federation to its end, reports, and goes on serving unless `once`.
 * @throws the signal's reason when it stops the work; CodedError for whatever else ends it
 */
export async function up(flags: UpFlags, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const plan = planFrom(flags);
  if (plan.insecureDeterministic)
    say(
      styleText('red', 'INSECURE: noise from the seed, no privacy; never for real records', { stream: process.stderr }),
    );
  const home = homeFolder();
  const unlock = lockHome(home);
  try {
    carryHomeOver(home);
    const folder = useFederation(home, plan.identity);
    const machine = await Machine.start({
      folder,
      plan,
      port: flags.port ?? (flags.once ? 0 : DEFAULT_PORT),
      say,
      signal,
    });
    try {
      await operate(machine, flags);
    } catch (error) {
      throw machine.signal.aborted ? machine.signal.reason : error;
    } finally {
      say('stopping');
      await machine.stop();
    }
  } finally {
    unlock();
  }
}

async function operate(machine: Machine, flags: UpFlags): Promise<void> {
  const { client, dashboardUrl, hospitals, signal } = machine;
  const { folder, plan, say } = machine.options;
  const run = await startOrResume(client, plan);
  if (!flags.once) say(`dashboard ${dashboardUrl}`);
  const reference = new Reference(folder, plan, signal);
  const ended = await follow(client, run.id, say, signal, (seen) => reference.follow(seen));
  requireDone(ended);
  const metrics = await reference.of(ended);
  const version = releasedVersion((await client.model(ended.spec.name)).versions, ended);
  if (version.runId !== ended.id)
    say(`version ${version.version}, of another run, was promoted since; it is what hospitals serve`);
  say(`waiting for every hospital to serve version ${version.version}`);
  const serving = await measureServing(
    () => hospitals.running,
    version,
    () => reasonsFor(client, version.model),
    signal,
  );
  for (const { site, reason } of serving.absent) say(`${site} does not serve version ${version.version}: ${reason}`);
  const modelPath = await saveModel(client, folder, version);
  const parameterCount = readWeights(readFileSync(modelPath), plan.spec.model.trainable).length;
  output(
    flags.format,
    reportOf({ run: ended, reference: metrics, version, modelPath, parameterCount, serving, dashboardUrl }),
    (report) => textReport(report, { stillServing: !flags.once }),
  );
  if (!flags.once) await serve(machine);
}

/** Why sites say that they do not serve a model. */
async function reasonsFor(client: KoinonClient, model: string): Promise<Map<string, string>> {
  const held = (await client.sites()).map(
    ({ id, status }) => [id, status?.notServing.find((release) => release.model === model)?.code] as const,
  );
  return new Map(held.flatMap(([site, code]) => (code ? [[site, `${code}: ${catalogue[code][1]}`]] : [])));
}

async function saveModel(client: KoinonClient, folder: string, { model, version }: VersionView): Promise<string> {
  const target = join(folder, 'models', model, String(version));
  mkdirSync(target, { recursive: true, mode: 0o700 });
  const path = join(target, 'model.onnx');
  writeFileSync(path, await client.modelFile(model, version));
  return path;
}

/** Until somebody stops it. @throws CodedError of a part that ended and does not come back */
async function serve({ signal, options }: Machine): Promise<void> {
  options.say('serving; press Ctrl-C to stop');
  if (!signal.aborted)
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  if (signal.reason instanceof CodedError) throw signal.reason;
}
