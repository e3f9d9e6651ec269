import { CodedError, federationSchema, parse, type Federation } from '@koinon/contracts';
import { schemes } from '@koinon/he';
import { federationFile } from '@koinon/heart-disease';
import { readFederation } from '../federation-file.js';
import type { FederationIdentity } from '../federation-identity.js';
import { fileDigests, hospitalFiles, type HospitalFiles } from './hospital-files.js';

/** Command-line options of `koinon up`, as typed. */
export interface UpFlags {
  readonly once?: boolean;
  readonly format: 'text' | 'json';
  readonly seed?: number;
  /** A number, or `off` to train without noise. */
  readonly epsilon?: number | 'off';
  readonly encryption?: Federation['encryption']['scheme'];
  readonly port?: number;
  /** Folder with the hospitals' tables. */
  readonly data?: string;
  readonly insecureDeterministic?: boolean;
}

/** What this start is about. Two starts of one identity are one federation: the second resumes the first. */
export interface Plan {
  readonly spec: Federation;
  readonly seed: number | undefined;
  readonly insecureDeterministic: boolean;
  readonly files: HospitalFiles;
  readonly identity: FederationIdentity;
}

/** @throws CodedError CONFIG_INVALID, FEDERATION_FILE_INVALID naming each field of federation.yaml, REQUEST_INVALID of a flag */
export function planFrom(flags: UpFlags): Plan {
  if (flags.insecureDeterministic && flags.seed === undefined)
    throw new CodedError('CONFIG_INVALID', '--insecure-deterministic needs --seed');
  const base = readFederation(federationFile);
  const epsilon = flags.epsilon === undefined ? base.privacy.epsilon : flags.epsilon === 'off' ? null : flags.epsilon;
  const spec = parse(federationSchema, {
    ...base,
    privacy: { ...base.privacy, epsilon, recordCountNoise: epsilon === null ? 0 : base.privacy.recordCountNoise },
    encryption: { ...base.encryption, ...(flags.encryption ? { scheme: flags.encryption } : {}) },
  });
  checkScheme(spec);
  const insecureDeterministic = flags.insecureDeterministic ?? false;
  const files = hospitalFiles(flags.data);
  // Other data is another federation too: a table that was mended must not resume the run without it.
  const identity = { spec, seed: flags.seed ?? null, insecureDeterministic, data: fileDigests(files) };
  return { spec, seed: flags.seed, insecureDeterministic, files, identity };
}

/** @throws CodedError REQUEST_INVALID with the schemes there are */
function checkScheme({ encryption: { scheme } }: Federation): void {
  if (schemes.names.includes(scheme)) return;
  throw new CodedError('REQUEST_INVALID', undefined, [
    { path: 'encryption.scheme', message: `is none of ${schemes.names.join(', ')}` },
  ]);
}
