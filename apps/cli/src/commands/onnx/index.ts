import { encodeModel } from '@koinon/onnx';
import { Option, type Command } from 'commander';
import { wanted } from '../../arguments.js';
import { output } from '../../format.js';
import { calibrationBatches } from './calibration-data.js';
import { reported } from './command-error.js';
import { gradcheck, gradcheckText } from './gradcheck.js';
import { inspectModel, inspectionText } from './inspect.js';
import { openModel, writeOutput } from './model-file.js';
import { lossKinds } from './objective.js';
import { quantize, quantizeText } from './quantize.js';
import { trainGraph, trainGraphText, type TrainGraphOptions } from './train-graph.js';

interface Format {
  readonly format: string;
}

const finding = 1;

const count = wanted('a whole number above 0', (value) => Number.isSafeInteger(value) && value > 0);
const names = (text: string): string[] => text.split(',').map((name) => name.trim()).filter((name) => name !== '');

/** Commands on ONNX files; they need no coordinator. */
export function addOnnxCommands(program: Command, withFormat: (command: Command) => Command): void {
  withFormat(program.command('train-graph').argument('<model>', 'ONNX file').description('turn an inference graph into a training graph'))
    .requiredOption('--trainable <names>', 'initializers to train, separated by commas', names)
    .addOption(new Option('--loss <loss>', 'what to minimise').choices(Object.keys(lossKinds)).makeOptionMandatory())
    .addOption(new Option('--optimizer <optimizer>', 'none: the graph returns gradients').choices(['none', 'sgd', 'adam', 'adamw']).makeOptionMandatory())
    .option('--clip <norm>', 'clip the gradient of every record to this norm', wanted('a number above 0', (value) => value > 0 && Number.isFinite(value)))
    .option('--batch <n>', 'records per step', count, 32)
    .option('--logits <value>', 'where the loss is taken (default: before the final Sigmoid or Softmax)')
    .requiredOption('--out <file>', 'where to write the training graph')
    .action(reported(async (file: string, { format, out, ...options }: TrainGraphOptions & Format & { readonly out: string }) => {
      const { bytes, report } = await trainGraph(await openModel(file), options);
      await writeOutput(out, bytes);
      output(format, report, trainGraphText);
    }));

  withFormat(program.command('gradcheck').argument('<model>', 'ONNX file').description('compare the gradients of a model with finite differences'))
    .option('--batch <n>', 'records of random data', count, 4)
    .action(reported(async (file: string, { format, batch }: Format & { readonly batch: number }) => {
      const report = await gradcheck(await openModel(file), batch);
      output(format, report, gradcheckText);
      if (!report.passed) process.exitCode = finding;
    }));

  withFormat(program.command('quantize').argument('<model>', 'ONNX file').description('make a model int8 where that is worth it'))
    .requiredOption('--calibration <data>', 'typical inputs: .npy, .npz or JSON')
    .requiredOption('--out <file>', 'where to write the model that was kept')
    .action(reported(async (file: string, { format, calibration, out }: Format & { readonly calibration: string; readonly out: string }) => {
      const model = await openModel(file);
      const { model: kept, report } = await quantize(model, await calibrationBatches(calibration, model));
      await writeOutput(out, encodeModel(kept));
      output(format, report, quantizeText);
    }));

  const onnx = program.command('onnx').description('ONNX files');
  withFormat(onnx.command('inspect').argument('<file>', 'ONNX file').description('what is in a model file, and what is wrong with it'))
    .action(reported(async (file: string, { format }: Format) => {
      const inspection = await inspectModel(file);
      output(format, inspection, inspectionText);
      if (inspection.issues.length > 0) process.exitCode = finding;
    }));
}
