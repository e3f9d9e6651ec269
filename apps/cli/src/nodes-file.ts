import { join } from 'node:path';
import { CodedError, parse, sha256Schema, siteIdSchema } from '@koinon/contracts';
import { readSetting } from '@koinon/service';
import { z } from 'zod';
import { read } from './connection.js';
import { homeFolder } from './home.js';
import { currentFederation } from './federation-folder.js';

/**
 * The nodes that patients may be sent to, by site. An operator writes what each hospital told: nothing that the coordinator or a
 * site reports can add an address. `up` writes its own hospitals'.
 */
const nodesSchema = z.record(
  siteIdSchema,
  z.strictObject(
    {
      url: z.url({ protocol: /^https?$/ }),
      /** SHA-256 of the node's identity key, as the hospital's node prints it when it starts. */
      keyFingerprint: sha256Schema,
    },
    {
      error: (issue) =>
        issue.code === 'unrecognized_keys' && issue.keys?.includes('fingerprint')
          ? '`fingerprint` is now called `keyFingerprint`'
          : undefined,
    },
  ),
);
export type Nodes = z.infer<typeof nodesSchema>;
export type ConfiguredNode = Nodes[string];

export const nodesFileOf = (folder: string): string => join(folder, 'nodes.json');

/** From KOINON_NODES_FILE, or of the federation that `koinon up` runs from KOINON_HOME. @throws CodedError CONFIG_INVALID, REQUEST_INVALID naming each field */
export function configuredNodes(): Nodes {
  const folder = currentFederation(homeFolder());
  const file = readSetting(process.env, 'KOINON_NODES_FILE') ?? (folder === undefined ? '' : nodesFileOf(folder));
  const text = read(
    file,
    'no file says where nodes are; start a federation with `koinon up`, or set KOINON_NODES_FILE to a JSON file {"<site>": {"url": …, "keyFingerprint": …}}',
  );
  let nodes: unknown;
  try {
    nodes = JSON.parse(text);
  } catch {
    throw new CodedError('CONFIG_INVALID', `${file} is not JSON`);
  }
  return parse(nodesSchema, nodes);
}
