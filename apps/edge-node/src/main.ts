/** The edge node: answers predictions in this thread, takes part in the federation in another. */
import { failureOf } from '@koinon/service';
import { AgentHost } from './agent/agent-host.js';
import { readConfig } from './config.js';
import { failureText } from './failure-text.js';
import { addIdentityRoute } from './identity.route.js';
import { loadSiteKeys } from '@koinon/site-client';
import { ModelRuntime } from '@koinon/inference';
import { ModelDirectory, ServingStats, buildServer } from '@koinon/open-inference';

async function start(): Promise<{ url: string; keyFingerprint: string; stop: () => Promise<void> }> {
  const config = readConfig(process.env);
  const { signer } = await loadSiteKeys(config.home);
  const runtime = await ModelRuntime.start(config.servingThreads ? { threads: config.servingThreads } : {});
  const stats = new ServingStats();
  const models = new ModelDirectory(runtime, config.models);
  const onFailure = (error: unknown): void =>
    print({ site: config.site, level: 'error', code: 'INTERNAL', doing: 'request', message: failureText(error) });
  const server = buildServer({ runtime, models, stats, onFailure });
  addIdentityRoute(server, config.site, signer);
  const url = await server.listen({ host: config.host, port: config.port });
  const agent = await AgentHost.start({ config, servingUrl: url }, { runtime, models, stats });
  const stop = async () => {
    await agent.stop();
    await server.close();
    await runtime.close();
  };
  agent.failed.catch((error: unknown) => stop().finally(() => fail(error)));
  return { url, keyFingerprint: signer.keyFingerprint, stop };
}

function print(entry: Record<string, unknown>): void {
  process.stderr.write(`${JSON.stringify(entry)}\n`);
}

function fail(error: unknown): never {
  const { line, exitCode } = failureOf(error, failureText(error));
  process.stderr.write(`${line}\n`);
  process.exit(exitCode);
}

try {
  const { url, keyFingerprint, stop } = await start();
  let stopping = false;
  const end = () => {
    if (stopping) return;
    stopping = true;
    stop().then(() => process.exit(0), fail);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end);
  process.on('disconnect', end);
  // For whoever will send patients here: predictions are asked of this key, not of an address alone.
  print({ level: 'info', event: 'serving', url, keyFingerprint });
  process.send?.({ ready: { url, keyFingerprint } });
} catch (error) {
  fail(error);
}
