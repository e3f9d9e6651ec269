import { createServer } from 'node:net';

/** A TCP port of 127.0.0.1 that nobody listens on. Take it at once: nothing keeps it free. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((found, failed) => {
    server.once('error', failed).listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') failed(new Error('the server has no port'));
      else found(address.port);
    });
  });
  await new Promise((closed) => server.close(closed));
  return port;
}
