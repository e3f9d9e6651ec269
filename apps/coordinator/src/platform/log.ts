import { ConsoleLogger } from '@nestjs/common';

/** One JSON object per line on stderr, warnings and worse; requests and bodies are never logged. */
export const logger = new ConsoleLogger({ json: true, logLevels: ['warn', 'error', 'fatal'], forceConsole: true });
