import { HeError } from './errors.js';
import type { Scheme } from './scheme.js';

/** Lower-case words with hyphens: the wire's schemas take a scheme's name in this form and leave the rest to the registry. */
const NAME = /^[a-z][a-z0-9-]{0,62}$/;

/** Schemes by name. */
export class SchemeRegistry {
  private readonly schemes: ReadonlyMap<string, Scheme>;

  constructor(schemes: readonly Scheme[]) {
    this.schemes = new Map(schemes.map((scheme) => [scheme.name, scheme]));
    if (this.schemes.size !== schemes.length) throw new Error('two encryption schemes have one name');
    for (const name of this.names) if (!NAME.test(name)) throw new Error(`${name} is no name of an encryption scheme`);
  }

  get names(): string[] {
    return [...this.schemes.keys()];
  }

  /** @throws HeError HEADER_INVALID, with the names there are */
  named(name: string): Scheme {
    const scheme = this.schemes.get(name);
    if (!scheme)
      throw new HeError(
        'HEADER_INVALID',
        `there is no encryption scheme of this name: choose one of ${this.names.join(', ')}`,
      );
    return scheme;
  }
}
