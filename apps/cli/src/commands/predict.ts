import { CodedError } from '@koinon/contracts';
import type { Command } from 'commander';
import { z } from 'zod';
import { connect } from '../connection.js';
import { output } from '../format.js';

const answerSchema = z.object({
  model_name: z.string(),
  model_version: z.string().optional(),
  outputs: z.array(z.object({ name: z.string(), shape: z.array(z.number()), data: z.array(z.number()) })),
});

interface Options {
  readonly format: string;
  readonly site?: string;
  readonly input: string;
}

export function addPredictCommand(program: Command, withFormat: (command: Command) => Command): void {
  withFormat(program.command('predict').argument('<model>').argument('<values...>', 'one number per feature, in the schema’s order').description('ask an edge node for a prediction'))
    .option('--site <id>', 'which hospital to ask (default: the first that serves the model)')
    .option('--input <name>', 'input tensor', 'features')
    .action(async (model: string, values: string[], { format, site, input }: Options) => {
      const data = values.map((value) => (value.trim() === '' ? Number.NaN : Number(value)));
      if (!data.every(Number.isFinite)) throw new CodedError('REQUEST_INVALID', 'every feature must be a number');
      const asked = (await connect().sites()).find((s) => s.status?.serving.some((served) => served.model === model) && (site === undefined || s.id === site));
      if (!asked?.status?.servingUrl) throw new CodedError('NOT_FOUND', site === undefined ? `no hospital serves ${model} now` : `${site} does not serve ${model} now`);
      const answer = await ask(asked.id, `${asked.status.servingUrl}/v2/models/${encodeURIComponent(model)}/infer`, {
        inputs: [{ name: input, shape: [1, data.length], datatype: 'FP32', data }],
      });
      output(format, { site: asked.id, ...answer }, (a) =>
        `${a.outputs.map((o) => `${o.name} ${o.data.map((v) => v.toFixed(4)).join(' ')}`).join('\n')}\n${a.model_name} version ${a.model_version ?? '?'} at ${a.site}\n`);
    });
}

/** @throws CodedError NOT_FOUND when the node is gone, REQUEST_INVALID with the node's reason */
async function ask(site: string, url: string, request: unknown): Promise<z.infer<typeof answerSchema>> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(request) }).catch(() => {
    throw new CodedError('NOT_FOUND', `${site} does not answer at ${url}`);
  });
  const body = (await response.json().catch(() => null)) as { error?: string } | null;
  if (!response.ok) throw new CodedError('REQUEST_INVALID', `${site}: ${body?.error ?? `HTTP ${response.status}`}`);
  return answerSchema.parse(body);
}
