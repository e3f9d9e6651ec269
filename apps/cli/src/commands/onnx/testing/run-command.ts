import { Command, Option } from 'commander';
import { vi } from 'vitest';
import { addOnnxCommands } from '../index.js';

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Runs `koinon` with only the commands of this folder, in this process. Misuse of options throws commander's error. */
export async function runCommand(...args: string[]): Promise<Outcome> {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      written[stream] += String(text);
      return true;
    }),
  );
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    const program = new Command('koinon').exitOverride();
    addOnnxCommands(program, (command) =>
      command.exitOverride().addOption(new Option('--format <format>').choices(['text', 'json']).default('text')),
    );
    await program.parseAsync(args, { from: 'user' });
    return { ...written, exitCode: process.exitCode };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
  }
}
