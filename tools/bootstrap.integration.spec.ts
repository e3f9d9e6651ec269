import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  globSync,
  mkdirSync,
  mkdtempDisposableSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { installDigest } from './install.mjs';

const repository = join(import.meta.dirname, '..');

// `up` says that it is ready, and what a file says that it loads as late as it can: when it is told to stop. Others say it at once.
const MAIN = `
  const say = async () => console.log((await import('./late.js')).default);
  if (process.argv[2] === 'up') {
    process.on('SIGTERM', () => say().then(() => process.exit()));
    process.on('disconnect', () => process.exit());
    setInterval(() => {}, 1000);
    console.log('ready');
  } else await say();
`;
const BUILD = `
  import { appendFileSync, cpSync } from 'node:fs';
  cpSync('src', 'dist', { recursive: true });
  appendFileSync('../../builds', '.');
`;

/** A checkout with our tools and one package, whose build copies. */
function checkout(root: string) {
  const write = (file: string, content: string): void => {
    mkdirSync(join(root, file, '..'), { recursive: true });
    writeFileSync(join(root, file), content);
  };
  const manifest = { name: 'tiny', version: '1.0.0', private: true, type: 'module', workspaces: ['apps/*'] };
  write('package.json', JSON.stringify(manifest));
  write('nx.json', readFileSync(join(repository, 'nx.json'), 'utf8'));
  write(
    'apps/cli/package.json',
    JSON.stringify({ name: 'cli', version: '1.0.0', type: 'module', scripts: { build: 'node build.js' } }),
  );
  write('apps/cli/build.js', BUILD);
  write('apps/cli/src/main.js', MAIN);
  write('apps/cli/src/late.js', "export default 'one';");
  for (const file of globSync('*.mjs', { cwd: import.meta.dirname }))
    cpSync(join(import.meta.dirname, file), join(root, 'tools', file));
  cpSync(join(repository, 'apps/cli/src/platform.mjs'), join(root, 'apps/cli/src/platform.mjs'));
  mkdirSync(join(root, 'node_modules'));
  for (const name of readdirSync(join(repository, 'node_modules'))) {
    if (!name.startsWith('.') || name === '.bin')
      symlinkSync(join(repository, 'node_modules', name), join(root, 'node_modules', name));
  }
  write('node_modules/.koinon-installed', installDigest(root));
  const start = (...args: string[]): ChildProcess =>
    spawn(process.execPath, [join(root, 'tools', 'bootstrap.mjs'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  return {
    start,
    write,
    manifest,
    show: async () => {
      const child = start('koinon', 'show');
      const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!)]);
      return stdout.trim() || stderr.trim();
    },
    built: () => ({
      file: statSync(join(root, 'apps/cli/dist/late.js')).ino,
      builds: readFileSync(join(root, 'builds'), 'utf8').length,
    }),
  };
}

describe('bootstrap', () => {
  it('refuses Windows by name before it installs or builds anything', async () => {
    using dir = mkdtempDisposableSync(join(tmpdir(), 'koinon bootstrap '));
    for (const folder of ['tools', 'apps/cli/src']) mkdirSync(join(dir.path, folder), { recursive: true });
    for (const file of [...globSync('tools/*.mjs', { cwd: repository }), 'apps/cli/src/platform.mjs'])
      cpSync(join(repository, file), join(dir.path, file));
    const onWindows = "data:text/javascript,Object.defineProperty(process, 'platform', { value: 'win32' })";
    const child = spawn(process.execPath, ['--import', onWindows, join(dir.path, 'tools', 'bootstrap.mjs'), 'start'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const [said] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect(said).toMatch(/^koinon: Koinon does not run on Windows itself: install WSL 2 /);
    expect(child.exitCode).toBe(1);
    expect(readdirSync(dir.path).toSorted()).toEqual(['apps', 'tools']);
  });

  it('builds only what changed, once however many ask, and nothing below a program that runs', async () => {
    using dir = mkdtempDisposableSync(join(tmpdir(), 'koinon bootstrap '));
    const { start, write, manifest, show, built } = checkout(dir.path);
    expect(await show()).toBe('one');
    const first = built();

    const up = start('start');
    onTestFinished(() => void up.kill('SIGKILL'));
    await once(up.stdout!, 'data');
    const said = text(up.stdout!);
    write('apps/cli/federation.yaml', 'read when a run starts');
    expect(await show()).toBe('one');
    expect(built()).toEqual(first);
    const refusal = (what: string) =>
      new RegExp(
        `^koinon: ${what} changed, and process \\d+ \\(apps/cli/dist/main.js up\\) runs from this checkout: stop it, then try again$`,
      );
    write('package.json', JSON.stringify({ ...manifest, description: 'with other dependencies' }));
    expect(await show()).toMatch(refusal('dependencies'));
    write('package.json', JSON.stringify(manifest));
    write('apps/cli/src/late.js', "export default 'another';");
    expect(await show()).toMatch(refusal('sources'));
    expect(built()).toEqual(first);
    up.kill('SIGTERM');
    expect((await said).trim()).toBe('one');

    expect(await Promise.all([show(), show(), show()])).toEqual(['another', 'another', 'another']);
    expect(built().builds).toBe(2);
    appendFileSync(join(dir.path, 'apps/cli/dist/late.js'), 'export const byAnotherHand = true;');
    expect(await show()).toBe('another');
    expect(readFileSync(join(dir.path, 'apps/cli/dist/late.js'), 'utf8')).not.toContain('byAnotherHand');
  });
});
