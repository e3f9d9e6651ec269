/**
 * Imported before anything that builds a schema: zod compiles validators with `new Function`, which the
 * coordinator's content security policy forbids and the browser would report.
 */
import { z } from 'zod';

z.config({ jitless: true });
