import { z } from 'zod';

/** JSON Schema 2020-12, the dialect of OpenAPI 3.1. */
export type JsonSchema = Readonly<Record<string, unknown>>;

const reference = (id: string): string => `#/components/schemas/${id}`;

/** What travels is what a reader of the schema is given: its input. */
const IO = 'input';

/** Writes zod's schemas as JSON Schema; those with a name are written once and referred to. */
export class SchemaWriter {
  private readonly names = z.registry<{ id: string }>();

  constructor(named: Readonly<Record<string, z.ZodType>>) {
    for (const [id, schema] of Object.entries(named)) this.names.add(schema, { id });
  }

  /** All that have a name, for the document's components. */
  components(): Record<string, JsonSchema> {
    const { schemas } = z.toJSONSchema(this.names, { io: IO, uri: reference });
    return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, without(schema, '$schema', '$id')]));
  }

  of(schema: z.ZodType): JsonSchema {
    const named = this.names.get(schema);
    if (named) return { $ref: reference(named.id) };
    const own = without(z.toJSONSchema(schema, { io: IO, metadata: this.names }), '$schema', '$defs');
    return JSON.parse(JSON.stringify(own), (key, value: unknown) =>
      key === '$ref' ? reference((value as string).slice('#/$defs/'.length)) : value,
    ) as JsonSchema;
  }
}

const without = (schema: object, ...keys: string[]): JsonSchema =>
  Object.fromEntries(Object.entries(schema).filter(([key]) => !keys.includes(key)));
