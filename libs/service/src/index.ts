export { checkDigest, withDigest } from './checked-file.js';
export {
  createDurably,
  namesIn,
  readIfThere,
  removeUnfinished,
  replaceSecret,
  wipe,
  wipeFile,
  writeDurably,
  writeScratch,
} from './durable-file.js';
export { takeHome } from './home-version.js';
export { runProcess } from './process.js';
export { CODED_EXIT, failureIn, failureOf } from './process-failure.js';
export { milliseconds, readSetting, readSettings, whole } from './settings.js';
