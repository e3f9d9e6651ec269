/** Entry of the agent thread: key ceremony and encryption never hold up a prediction. */
import { parentPort, workerData } from 'node:worker_threads';
import { CodedError, fromWire, toWire } from '@koinon/contracts';
import { failureText } from '../failure-text.js';
import { Agent, type ServingSide } from './agent.js';
import type { AgentStart, ServingNow, ToAgent, ToServing } from './thread-protocol.js';

const port = parentPort!;
const { config, servingUrl } = workerData as AgentStart;
const stopping = new AbortController();
const loading = new Map<number, PromiseWithResolvers<void>>();
let loads = 0;
let reporting: Promise<void> | undefined;
let stats: ServingNow = { requests: 0, p50Ms: null, p99Ms: null };
const tell = (message: ToServing): void => port.postMessage(message);
const log = (entry: Record<string, unknown>): void =>
  void process.stderr.write(`${JSON.stringify({ site: config.site, ...entry })}\n`);

const side: ServingSide = {
  url: servingUrl,
  stats: () => stats,
  load({ model, version, sha256, file, signed }) {
    const id = ++loads;
    const done = Promise.withResolvers<void>();
    loading.set(id, done);
    tell({ kind: 'load', id, model, version, sha256, file, term: signed?.term ?? null });
    return done.promise;
  },
};

port.on('message', (message: ToAgent) => {
  if (message.kind === 'stop') {
    stopping.abort();
    port.unref();
  } else if (message.kind === 'serving') {
    stats = message.stats;
    // One at a time, and again in a few seconds if the coordinator did not hear it.
    reporting ??= agent?.reporter.reportOrLog().finally(() => (reporting = undefined));
  } else {
    const done = loading.get(message.id)!;
    loading.delete(message.id);
    if (message.problem) done.reject(fromWire(message.problem));
    else done.resolve();
  }
});

let agent: Agent | undefined;
try {
  agent = await Agent.start(config, side, stopping.signal, log);
  tell({ kind: 'enrolled' });
  await agent.run();
} catch (error) {
  tell({ kind: 'failed', problem: error instanceof CodedError ? toWire(error) : null, message: failureText(error) });
}
