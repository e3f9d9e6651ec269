import { clearField, create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { Extra } from './ir.js';

/**
 * What remains of a decoded message once the IR has taken the `modelled` fields, as `{ extra }` to spread,
 * or `{}` when nothing remains. The message is emptied on the way.
 */
export function leftover<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
  modelled: readonly (keyof Desc['field'])[],
): { extra?: Extra } {
  for (const name of modelled) clearField(message, schema.field[name as string]!);
  const extra = toBinary(schema, message);
  return extra.length > 0 ? { extra } : {};
}

/**
 * The message with the `modelled` fields written over whatever `leftover` kept. An empty string is not written:
 * it means the same as an absent one.
 */
export function merged<Desc extends DescMessage>(
  schema: Desc,
  extra: Extra | undefined,
  modelled: MessageInitShape<Desc> & object,
): MessageShape<Desc> {
  const message = create(schema, modelled);
  const base = extra === undefined ? create(schema) : fromBinary(schema, extra);
  for (const name of Object.keys(modelled)) {
    const value: unknown = Reflect.get(message, name);
    if (value !== '') Reflect.set(base, name, value);
  }
  return base;
}
