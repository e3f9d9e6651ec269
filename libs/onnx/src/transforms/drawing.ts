/** Operators that may give something else in every run, whatever goes in: nobody may compute them once and keep the result. */
export const drawingOperators: ReadonlySet<string> = new Set([
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
  'Bernoulli',
  'Multinomial',
  'Dropout',
]);
