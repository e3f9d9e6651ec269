/** Settings come from the environment; this is the one rule by which every program of ours reads them. */
import { z } from 'zod';
import { CodedError, LONGEST_WAIT_MS } from '@koinon/contracts';

type Environment = Readonly<Record<string, string | undefined>>;

const EMPTY = 'must not be empty; leave it out where it is not meant to be set';

/** A whole number in decimal digits. */
export const whole = (min: number, max = Number.MAX_SAFE_INTEGER) =>
  z.string().regex(/^\d+$/, 'must be a whole number').transform(Number).pipe(z.int().min(min).max(max));

/** How long to wait for something, in milliseconds. */
export const milliseconds = (min: number) => whole(min, LONGEST_WAIT_MS);

/**
 * All settings of a program. An empty one is a mistake and not one that is left out, where a default would hide it.
 * @throws CodedError CONFIG_INVALID naming each wrong setting, and no value
 */
export function readSettings<T extends z.ZodRawShape>(
  schema: z.ZodObject<T>,
  environment: Environment,
): z.infer<z.ZodObject<T>> {
  const empty = Object.keys(schema.shape).filter((name) => environment[name] === '');
  const result = schema.safeParse(environment);
  const wrong = result.success ? [] : result.error.issues.filter(({ path }) => !empty.includes(String(path[0])));
  const issues = [
    ...empty.map((name) => ({ path: name, message: EMPTY })),
    ...wrong.map(({ path, message }) => ({ path: path.join('.'), message })),
  ];
  if (!result.success || issues.length > 0)
    throw new CodedError('CONFIG_INVALID', issues.map(({ path, message }) => `${path}: ${message}`).join('; '), issues);
  return result.data;
}

/** One setting that may be left out. @throws CodedError CONFIG_INVALID when it is empty */
export function readSetting(environment: Environment, name: string): string | undefined {
  return readSettings(z.object({ [name]: z.string().optional() }), environment)[name];
}
