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
      const data = values.map(Number);
      if (!data.every(Number.isFinite)) throw new CodedError('REQUEST_INVALID', 'every feature must be a number');
      const asked = (await connect().sites()).find((s) => s.status?.serving?.model === model && (site === undefined || s.id === site));
      if (!asked?.status?.servingUrl) throw new CodedError('NOT_FOUND', 'no hospital serves this model now');
      const response = await fetch(`${asked.status.servingUrl}/v2/models/${encodeURIComponent(model)}/infer`, {
        method: 'POST', headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ inputs: [{ name: input, shape: [1, data.length], datatype: 'FP32', data }] }),
      });
      const body: unknown = await response.json();
      if (!response.ok) throw new CodedError('REQUEST_INVALID', (body as { error?: string }).error ?? `HTTP ${response.status}`);
      output(format, { site: asked.id, ...answerSchema.parse(body) }, (a) =>
        `${a.outputs.map((o) => `${o.name} ${o.data.map((v) => v.toFixed(4)).join(' ')}`).join('\n')}\n${a.model_name} version ${a.model_version ?? '?'} at ${a.site}\n`);
    });
}
