import { encodeModel } from '@koinon/onnx';
import { Option, type Command } from 'commander';
import { wanted, wantedFloat32 } from '../../arguments.js';
import { output } from '../../format.js';
import { calibrationBatches } from './calibration-data.js';
import { misused, reported } from './command-error.js';
import { gradcheck, gradcheckText, type GradcheckOptions } from './gradcheck.js';
import { inspectModel, inspectionText } from './inspect.js';
import { loadModel } from './model-file.js';
import { lossKinds } from './objective.js';
import { count, dims, names } from './options.js';
import { outputPlace, writeOutput } from './output-file.js';
import { defaults, methods, quantize, quantizeText, type QuantizeOptions } from './quantize.js';
import { trainGraph, trainGraphText, type TrainGraphOptions } from './train-graph.js';

interface Format {
  readonly format: string;
}

interface Out extends Format {
  readonly out: string;
}

const FINDING = 1;

const isPositive = (value: number): boolean => value > 0;
const MODEL_OUTPUT_HELP =
  'where the loss is taken (default: before the final Sigmoid or Softmax; for mse the model’s output)';
const DIMS_HELP = 'size of an open axis after the first, as seq=128; once per axis';

/** Commands on ONNX files; they need no coordinator. Exit codes: 0 done, 1 a check has found something, 2 refused. */
export function addOnnxCommands(program: Command, withFormat: (command: Command) => Command): void {
  const command = (parent: Command, name: string, description: string): Command =>
    withFormat(parent.command(name).argument('<model>', 'ONNX file').description(description)).exitOverride(misused);

  command(program, 'train-graph', 'turn an inference graph into a training graph')
    .requiredOption('--trainable <names>', 'initializers to train, separated by commas', names)
    .addOption(new Option('--loss <loss>', 'what to minimise').choices(Object.keys(lossKinds)).makeOptionMandatory())
    .addOption(
      new Option('--optimizer <optimizer>', 'none: the graph returns gradients')
        .choices(['none', 'sgd', 'adam', 'adamw'])
        .makeOptionMandatory(),
    )
    .option(
      '--clip <norm>',
      'clip the gradient of every record to this norm',
      wantedFloat32('a number above 0', isPositive),
    )
    .option('--batch <n>', 'records per step', count, 32)
    .option('--dims <name=size>', DIMS_HELP, dims)
    .option(
      '--microbatch <n>',
      'with --clip: records computed at once, a divisor of the batch; 1 clips any model',
      count,
    )
    .option('--memory-mb <n>', 'most MiB one step may hold; larger batches are computed in pieces', count)
    .option('--model-output <value>', MODEL_OUTPUT_HELP)
    .requiredOption('--out <file>', 'where to write the training graph')
    .action(
      reported(async (file: string, { format, out, ...options }: TrainGraphOptions & Out) => {
        const place = await outputPlace(out);
        const { bytes, report } = await trainGraph(await loadModel(file), options);
        await writeOutput(place, bytes);
        output(format, report, trainGraphText);
      }),
    );

  command(program, 'gradcheck', 'compare the gradients of a model with finite differences')
    .option('--batch <n>', 'records of random data', count, 4)
    .option('--dims <name=size>', DIMS_HELP, dims)
    .addOption(
      new Option(
        '--loss <loss>',
        'what to take the gradient of (default: what the end of the model was made for)',
      ).choices(Object.keys(lossKinds)),
    )
    .option('--model-output <value>', MODEL_OUTPUT_HELP)
    .action(
      reported(async (file: string, { format, ...options }: GradcheckOptions & Format) => {
        const report = await gradcheck(await loadModel(file), options);
        output(format, report, gradcheckText);
        if (!report.passed) process.exitCode = FINDING;
      }),
    );

  command(program, 'quantize', 'make a model int8 where that is worth it')
    .requiredOption('--calibration <data>', 'typical inputs: .npy, .npz or JSON; their rows give open axes their sizes')
    .option(
      '--tolerance <t>',
      'how much score int8 may lose',
      wanted('a number from 0 to 1', (value) => value >= 0 && value <= 1),
      defaults.tolerance,
    )
    .addOption(
      new Option('--method <method>', 'which range of each value int8 covers')
        .choices(Object.keys(methods))
        .default(defaults.method),
    )
    .requiredOption('--out <file>', 'where to write the model that was kept')
    .action(
      reported(
        async (
          file: string,
          { format, calibration, out, ...options }: QuantizeOptions & Out & { readonly calibration: string },
        ) => {
          const place = await outputPlace(out);
          const model = await loadModel(file);
          const { model: kept, report } = await quantize(model, await calibrationBatches(calibration, model), options);
          await writeOutput(place, encodeModel(kept));
          output(format, report, quantizeText);
        },
      ),
    );

  const onnx = program.command('onnx').description('ONNX files').exitOverride(misused);
  command(onnx, 'inspect', 'what is in a model file, and what is wrong with it').action(
    reported(async (file: string, { format }: Format) => {
      const inspection = await inspectModel(file);
      output(format, inspection, inspectionText);
      if (inspection.issues.length > 0) process.exitCode = FINDING;
    }),
  );
}
