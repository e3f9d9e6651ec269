/** Built-in kinds: their texts are made by an engine or a library and may quote what they were given, which may be a record. */
const foreign = new Set(['Error', 'TypeError', 'RangeError', 'SyntaxError', 'ReferenceError', 'EvalError', 'URIError', 'AggregateError', 'ZodError']);

/**
 * What a log may hold of a failure: the message of our own errors, which are written for it, and of the operating system's;
 * of any other its kind and where it arose, without its text.
 */
export function failureText(error: unknown): string {
  if (!(error instanceof Error)) return 'a thrown value that is no error';
  if (!foreign.has(error.name) || 'errno' in error) return error.message;
  const { name, message, stack = '' } = error;
  const frames = stack.slice(stack.indexOf(message) + message.length).split('\n').filter((line) => line.startsWith('    at '));
  return [name, ...frames.slice(0, 4).map((frame) => frame.trim())].join(' ');
}
