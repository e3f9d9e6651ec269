/** Runs inside the coordinator's container: invites a site and prints its token and the fingerprint to pin. */
import { readFileSync } from 'node:fs';

const [id, name] = process.argv.slice(2);
const operator = readFileSync(`${process.env.KOINON_HOME}/coordinator/operator.token`, 'utf8').trim();
const response = await fetch(`http://127.0.0.1:${process.env.KOINON_PORT}/v1/sites`, {
  method: 'POST',
  headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json' },
  body: JSON.stringify({ id, name }),
});
if (response.ok) {
  const { token, coordinatorKeyFingerprint } = /** @type {{ token: string, coordinatorKeyFingerprint: string }} */ (
    await response.json()
  );
  process.stdout.write(`${token}\n${coordinatorKeyFingerprint}\n`);
} else {
  process.stderr.write(`the coordinator refused: ${await response.text()}\n`);
  process.exitCode = 1;
}
