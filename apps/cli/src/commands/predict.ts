import { CodedError } from '@koinon/contracts';
import type { Command } from 'commander';
import { askNode } from '../ask-node.js';
import { output } from '../format.js';
import { configuredNodes } from '../nodes-file.js';

interface Options {
  readonly format: string;
  readonly site?: string;
  readonly input: string;
}

const HELP = `
Environment:
  KOINON_NODES_FILE  addresses and key fingerprints of the nodes that patients
                     may be sent to: {"<site>": {"url": …, "keyFingerprint": …}}
                     (default: the hospitals that \`koinon up\` started)`;

export function addPredictCommand(program: Command, withFormat: (command: Command) => Command): void {
  withFormat(
    program
      .command('predict')
      .argument('<model>')
      .argument('<values...>', 'one number per feature, in the schema’s order')
      .description('ask an edge node for a prediction'),
  )
    .option('--site <id>', 'which hospital to ask (default: the first that serves the model)')
    .option('--input <name>', 'input tensor', 'features')
    .addHelpText('after', HELP)
    .action(async (model: string, values: string[], { format, site, input }: Options) => {
      const data = values.map((value) => (value.trim() === '' ? Number.NaN : Number(value)));
      if (!data.every(Number.isFinite)) throw new CodedError('REQUEST_INVALID', 'every feature must be a number');
      const inputs = [{ name: input, shape: [1, data.length], datatype: 'FP32', data }];
      for (const [id, node] of Object.entries(configuredNodes())) {
        if (site !== undefined && id !== site) continue;
        const answer = await askNode(id, node, model, inputs);
        if (!answer) continue;
        output(
          format,
          { site: id, ...answer },
          (a) =>
            `${a.outputs.map((o) => `${o.name} ${o.data.map((v) => v.toFixed(4)).join(' ')}`).join('\n')}\n${a.model_name} version ${a.model_version ?? '?'} at ${a.site}\n`,
        );
        return;
      }
      throw new CodedError(
        'NOT_FOUND',
        site === undefined
          ? `no hospital serves ${model} now`
          : `${site} does not serve ${model} now, or is not among the configured nodes`,
      );
    });
}
