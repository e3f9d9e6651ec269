import { placeOf, type Node } from '@koinon/onnx';

/** Every way a training graph can be refused. The message says where and what to do. */
export type AutodiffErrorCode =
  | 'AUTODIFF_NO_RULE'
  | 'AUTODIFF_UNSUPPORTED'
  | 'AUTODIFF_DYNAMIC_OPERAND'
  | 'AUTODIFF_INPUT_SHAPE'
  | 'AUTODIFF_OUTPUT_UNKNOWN'
  | 'AUTODIFF_OUTPUT_SHAPE'
  | 'AUTODIFF_TRAINABLE_UNKNOWN'
  | 'AUTODIFF_TRAINABLE_UNREACHED'
  | 'AUTODIFF_RECORDS_MIXED'
  | 'AUTODIFF_MEMORY_LIMIT'
  | 'AUTODIFF_OPTIONS';

export class AutodiffError extends Error {
  override readonly name = 'AutodiffError';

  constructor(
    readonly code: AutodiffErrorCode,
    message: string,
  ) {
    super(message);
  }
}

export function unsupported(node: Node, problem: string, remedy: string): AutodiffError {
  return new AutodiffError('AUTODIFF_UNSUPPORTED', `${placeOf(node)}: ${problem}. ${remedy}.`);
}
