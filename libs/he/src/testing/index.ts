import { SchemeRegistry } from '../scheme-registry.js';
import { schemes } from '../schemes.js';
import { plainMasking } from './plain-masking.fixture.js';

/** The list of schemes as it is with one more. */
export const withPlainMasking = new SchemeRegistry([...schemes.names.map((name) => schemes.named(name)), plainMasking]);
