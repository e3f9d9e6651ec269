import { readFile } from 'node:fs/promises';

/** Exports of asm/ring60.ts. Pointers are byte offsets into `memory`; u64 arguments are BigInt. */
export interface Kernel60 {
  readonly memory: WebAssembly.Memory;
  accumulate(sum: number, source: number, n: number, q: bigint): number;
  reduce(a: number, n: number, q: bigint): void;
  add(target: number, a: number, b: number, n: number, q: bigint): void;
  subtract(target: number, a: number, b: number, n: number, q: bigint): void;
  scale(target: number, a: number, n: number, w: bigint, shoup: bigint, q: bigint): void;
  multiply(target: number, a: number, b: number, n: number, q: bigint, mu: bigint): void;
  forward(a: number, n: number, q: bigint, roots: number, shoups: number): void;
  inverse(a: number, n: number, q: bigint, roots: number, shoups: number, w: bigint, shoup: bigint): void;
  isReduced(a: number, n: number, q: bigint): number;
  uniform(target: number, words: number, count: number, n: number, q: bigint): number;
  fromSigned(target: number, source: number, n: number, q: bigint): void;
  smudge(target: number, words: number, n: number, bits: number, q: bigint): void;
  pack(target: number, values: number, n: number, k: number, field: number, bits: number): number;
  decode(
    target: number,
    a: number,
    b: number,
    n: number,
    k: number,
    field: number,
    logScale: number,
    largest: number,
    q0: bigint,
    q1: bigint,
    inverse: bigint,
    shoup: bigint,
    productHigh: bigint,
    productLow: bigint,
    noise: number,
  ): number;
}

const PAGE = 65_536;
const compiled = new Map<string, Promise<WebAssembly.Module>>();

/** Compiles a kernel of this package once per process. */
export function compileKernel(name: string): Promise<WebAssembly.Module> {
  let module = compiled.get(name);
  if (!module) {
    module = readFile(new URL(`../../generated/${name}.wasm`, import.meta.url)).then((bytes) =>
      WebAssembly.compile(new Uint8Array(bytes)),
    );
    compiled.set(name, module);
  }
  return module;
}

/** A fresh instance with at least `bytes` of memory. The kernels import nothing but AssemblyScript's `abort`. */
export function instantiate(module: WebAssembly.Module, bytes: number): { readonly memory: WebAssembly.Memory } {
  const abort = (): never => {
    throw new Error('kernel aborted');
  };
  const kernel = new WebAssembly.Instance(module, { env: { abort } }).exports as { memory: WebAssembly.Memory };
  const missing = bytes - kernel.memory.buffer.byteLength;
  if (missing > 0) kernel.memory.grow(Math.ceil(missing / PAGE));
  return kernel;
}
