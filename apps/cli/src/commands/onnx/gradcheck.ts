import {
  AutodiffError,
  checkGradients,
  trainingGraph,
  type GradientCheck,
  type TrainingOptions,
} from '@koinon/autodiff';
import { OnnxError, checkModel, printable, type Model } from '@koinon/onnx';
import { table } from '../../format.js';
import { OnnxCommandError } from './command-error.js';
import { objectiveOf, type Objective, type ObjectiveWish } from './objective.js';
import { checkSizes, type Dims } from './options.js';
import { weightsElsewhere } from './weights.js';

/** Largest difference from finite differences in float32 that a correct gradient shows, relative to the largest gradient. */
export const TOLERANCE = 5e-3;

export interface GradcheckReport extends Objective {
  readonly batch: number;
  readonly tolerance: number;
  readonly parameters: readonly GradientCheck[];
  /** Weights that no gradient can be asked for, with the reason. */
  readonly skipped: readonly { readonly parameter: string; readonly code: string; readonly reason: string }[];
  readonly passed: boolean;
}

export interface GradcheckOptions extends ObjectiveWish {
  readonly batch: number;
  readonly dims?: Dims;
}

/**
 * Compares the gradient of every float32 initializer with central finite differences, on random data.
 * @throws OnnxCommandError NOTHING_TO_CHECK when none has a gradient, MODEL_OUTPUT_UNKNOWN, LOSS_CONTRADICTS_MODEL, DIMENSION_UNKNOWN, BATCH_TOO_LARGE
 */
export async function gradcheck(model: Model, { batch, dims, ...wish }: GradcheckOptions): Promise<GradcheckReport> {
  checkSizes(model, batch, dims);
  const objective = objectiveOf(model, wish);
  const options = { output: objective.modelOutput, loss: objective.loss, batch, ...(dims && { dims }) };
  const weights = [...model.graph.initializers.values()]
    .filter(({ type }) => type === 'float32')
    .map(({ name }) => name);
  const { trainable, skipped } = await splitByGradient(model, options, weights);
  if (trainable.length === 0) {
    const reason = weightsElsewhere(model.graph) ?? skipped[0]?.reason;
    throw new OnnxCommandError(
      'NOTHING_TO_CHECK',
      `no float32 initializer has a gradient${reason === undefined ? '' : `: ${reason}`}`,
    );
  }
  const parameters = await checkGradients(model, { ...options, trainable, tolerance: TOLERANCE });
  if (parameters.every(({ zero }) => zero))
    throw new OnnxCommandError(
      'NOTHING_TO_CHECK',
      'every gradient is 0 on random data, so nothing could be compared; try another --batch, or a model whose operators do not saturate',
    );
  return { ...objective, batch, tolerance: TOLERANCE, parameters, skipped, passed: parameters.every(isRight) };
}

type Split = Pick<GradcheckReport, 'skipped'> & { readonly trainable: readonly string[] };

/** Which weights have a gradient: all at once, and where that is refused, each half by itself, so that one refusal costs few graphs. */
async function splitByGradient(
  model: Model,
  options: Omit<TrainingOptions, 'trainable' | 'optimizer'>,
  weights: readonly string[],
): Promise<Split> {
  if (weights.length === 0) return { trainable: [], skipped: [] };
  try {
    const { bytes } = await trainingGraph(model, { ...options, trainable: weights, optimizer: { kind: 'none' } });
    // a constant that is an option of its operator, such as a bound of Clip, gets no gradient: the graph then lacks a value
    checkModel(bytes);
    return { trainable: weights, skipped: [] };
  } catch (error) {
    if (!(error instanceof AutodiffError || error instanceof OnnxError)) throw error;
    const [parameter = '', ...others] = weights;
    if (others.length === 0)
      return { trainable: [], skipped: [{ parameter, code: error.code, reason: error.message }] };
  }
  const middle = Math.ceil(weights.length / 2);
  const [first, second] = [
    await splitByGradient(model, options, weights.slice(0, middle)),
    await splitByGradient(model, options, weights.slice(middle)),
  ];
  return { trainable: [...first.trainable, ...second.trainable], skipped: [...first.skipped, ...second.skipped] };
}

/** A difference that is not a number is none; nor are gradients right of which most lie at kinks. */
const isRight = ({ difference, compared, leftOut }: GradientCheck): boolean =>
  difference <= TOLERANCE && leftOut <= compared;

function verdict(check: GradientCheck): string {
  if (check.zero) return 'always 0: not tested';
  return [
    ...(check.leftOut > 0 ? [`${check.leftOut} at kinks left out`] : []),
    ...(isRight(check) ? [] : ['FAILED']),
  ].join(' · ');
}

function conclusion({ passed, parameters }: GradcheckReport): string {
  if (!passed) return `a gradient differs by more than ${TOLERANCE}, or most of it cannot be compared\n`;
  const tested = parameters.filter(({ zero }) => !zero).length;
  return `every gradient within ${TOLERANCE}${tested < parameters.length ? `, ${parameters.length - tested} of ${parameters.length} not tested` : ''}\n`;
}

export function gradcheckText(report: GradcheckReport): string {
  const { parameters, skipped, loss, modelOutput, batch } = report;
  return [
    `${loss} on ${printable(modelOutput)}, batch ${batch}\n`,
    table(
      ['parameter', 'compared', 'max relative error', ''],
      parameters.map((check) => [
        check.parameter,
        String(check.compared),
        check.difference.toExponential(2),
        verdict(check),
      ]),
    ),
    ...(skipped.length > 0
      ? [
          table(
            ['not checked', 'why'],
            skipped.map(({ parameter, code, reason }) => [parameter, `${code}: ${reason}`]),
          ),
        ]
      : []),
    conclusion(report),
  ].join('\n');
}
