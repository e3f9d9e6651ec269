import type { Node } from '@koinon/onnx';
import { placeOf } from '@koinon/onnx';
import { AutodiffError } from '../errors.js';
import type { Rule } from '../rule.js';
import { activationRules } from './activation.js';
import { arithmeticRules } from './arithmetic.js';
import { convolutionRules } from './convolution.js';
import { indexingRules } from './indexing.js';
import { matmulRules } from './matmul.js';
import { normalizationRules } from './normalization.js';
import { poolingRules } from './pooling.js';
import { reductionRules } from './reduction.js';
import { shapeRules } from './shape.js';
import { softmaxRules } from './softmax.js';

const rules = new Map<string, Rule>(
  [
    activationRules,
    arithmeticRules,
    convolutionRules,
    indexingRules,
    matmulRules,
    normalizationRules,
    poolingRules,
    reductionRules,
    shapeRules,
    softmaxRules,
  ].flatMap((family) => Object.entries(family)),
);

/** @throws AutodiffError AUTODIFF_NO_RULE naming the operator and its node */
export function ruleFor(node: Node): Rule {
  const rule = node.domain === '' ? rules.get(node.op) : undefined;
  if (rule !== undefined) return rule;
  const operator = node.domain === '' ? node.op : `${node.domain}.${node.op}`;
  throw new AutodiffError(
    'AUTODIFF_NO_RULE',
    `${placeOf(node)}: the operator ${operator} has no gradient rule. Replace it by operators that have one, freeze the parameters before it, or pick an output before it.`,
  );
}
