import { StrategyError } from './errors.js';

/** A parameter's default and the range it must lie in. */
export interface NumberRule {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** Whether `min` itself is outside the range. */
  readonly above?: boolean;
}

export type Rules = Readonly<Record<string, NumberRule | boolean>>;
export type Checked<R extends Rules> = { readonly [K in keyof R]: R[K] extends boolean ? boolean : number };

export const learningRate = (value: number): NumberRule => ({ default: value, min: 0, max: 1000, above: true });
export const decay = (value: number): NumberRule => ({ default: value, min: 0, max: 1 - 1e-9 });

/**
 * `params` with defaults filled in; a rule that is a boolean is that switch's default.
 * @throws StrategyError STRATEGY_PARAMETER_INVALID for an unknown name or a value out of range
 */
export function checkParameters<R extends Rules>(rules: R, params: Readonly<Record<string, unknown>>): Checked<R> {
  for (const name of Object.keys(params)) {
    if (!Object.hasOwn(rules, name)) {
      throw new StrategyError(
        'STRATEGY_PARAMETER_INVALID',
        `unknown strategy parameter; this strategy takes ${Object.keys(rules).join(', ')}`,
      );
    }
  }
  const checked = Object.entries(rules).map(([name, rule]) => [name, checkOne(name, rule, params[name])]);
  return Object.fromEntries(checked) as Checked<R>;
}

function checkOne(name: string, rule: NumberRule | boolean, value: unknown): number | boolean {
  if (typeof rule === 'boolean') {
    if (value === undefined) return rule;
    if (typeof value === 'boolean') return value;
    throw new StrategyError('STRATEGY_PARAMETER_INVALID', `${name} must be true or false`);
  }
  if (value === undefined) return rule.default;
  const inside = typeof value === 'number' && value <= rule.max && (rule.above ? value > rule.min : value >= rule.min);
  if (inside) return value;
  const bound = rule.above ? '>' : '≥';
  throw new StrategyError(
    'STRATEGY_PARAMETER_INVALID',
    `${name} must be a number ${bound} ${rule.min} and ≤ ${rule.max}`,
  );
}
