/** An HTTP server on 127.0.0.1 that answers as a test says: what a client does with real sockets cannot be mocked. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface LoopbackServer {
  readonly endpoint: string;
  /** Ends every connection; afterwards nobody listens. A second call does nothing. */
  stop(): Promise<void>;
}

export async function startLoopback(answer: Answer): Promise<LoopbackServer> {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    stop: async () => {
      if (!server.listening) return;
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
