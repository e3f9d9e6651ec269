import { siteIndex } from './header.js';
import { KeyEpochAtSite, type SecretHalf } from './site-key-epoch.js';
import type { BlockAdder, BlockLayout, KeyEpochHeader, Scheme, SumToDecrypt } from './scheme.js';
import { SiteState } from './site-state.js';
import { checkSumToDecrypt, decryptionShareBodies } from './sum-to-decrypt.js';

/** The public arithmetic of a scheme. The core has checked header, sum and labels before it calls. */
export interface PublicHalf<Parameters> {
  adder(parameters: Parameters): BlockAdder;
  /** @param bodies of the decryption shares behind prefix and label, in the decryptors' order; their lengths are not checked yet */
  combine(parameters: Parameters, sum: SumToDecrypt, bodies: readonly Uint8Array[]): Generator<Uint32Array, void>;
}

/** Everything that one scheme differs in from another. */
export interface SchemeDefinition<Parameters extends BlockLayout, Section extends string> {
  readonly name: string;
  readonly title: string;
  readonly dkgSteps: readonly string[];
  /** Names of what the site keeps between steps, besides what every scheme keeps. */
  readonly stateSections: readonly Section[];
  /** Checked parameters. @throws HeError HEADER_INVALID, NOISE_BUDGET_EXCEEDED */
  parameters(header: KeyEpochHeader): Parameters;
  /** Loads the secret half; whatever is large or native is loaded here and not before. */
  secretHalf(): Promise<(parameters: Parameters, site: string, state: SiteState<Section>) => SecretHalf>;
  publicHalf(): Promise<PublicHalf<Parameters>>;
}

/** Wraps what is a scheme's own in the checks that are every scheme's. */
export function defineScheme<Parameters extends BlockLayout, Section extends string>(
  definition: SchemeDefinition<Parameters, Section>,
): Scheme {
  const { name, title, dkgSteps, stateSections } = definition;
  const parameters = (header: KeyEpochHeader): Parameters => definition.parameters(header);
  const secretHalf = once(() => definition.secretHalf());
  const publicHalf = once(() => definition.publicHalf());
  return {
    name,
    title,
    dkgSteps,
    layout: parameters,
    async site() {
      const halfOf = await secretHalf();
      const start = (header: KeyEpochHeader, site: string, stateOf: () => SiteState<Section>): KeyEpochAtSite => {
        const checked = parameters(header);
        siteIndex(header, site);
        const state = stateOf();
        return new KeyEpochAtSite({
          header,
          site,
          layout: checked,
          dkgSteps,
          state,
          half: halfOf(checked, site, state),
        });
      };
      return {
        begin: (header, site) => start(header, site, () => SiteState.fresh(stateSections)),
        restore: (header, site, bytes) =>
          start(header, site, () => SiteState.load(stateSections, { header, site, bytes, steps: dkgSteps.length })),
      };
    },
    async aggregator() {
      const { adder, combine } = await publicHalf();
      return {
        adder: (header) => adder(parameters(header)),
        combine: (header, sum, shares) => {
          const checked = parameters(header);
          checkSumToDecrypt(header, sum);
          return combine(checked, sum, decryptionShareBodies(header, sum, shares));
        },
      };
    },
  };
}

/** Loaded by the first who asks and kept: tables of roots take longer than a round's arithmetic. What failed is tried again. */
function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () =>
    (loaded ??= load().catch((error: unknown) => {
      loaded = undefined;
      throw error;
    }));
}
