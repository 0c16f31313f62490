import { type ControlClient, ControlError } from '../control/index.ts';

/** What commands that speak with the gateway have of the world. */
export interface GatewayIo {
  client: () => Promise<ControlClient>;
  stdout: (text: string) => void;
  stderr: (text: string) => void;
  /** The text of a file, '-' for standard input; throws what the file system does. */
  readFile: (path: string) => string;
}

/**
 * Connects, runs, and closes whatever happens. Resolves to the exit code: that of `run`, or that of
 * the gateway's refusal, which `refused` words (default: its message).
 */
export async function withGateway(
  io: Pick<GatewayIo, 'client' | 'stderr'>,
  run: (client: ControlClient) => Promise<number>,
  refused = (error: ControlError): number => {
    io.stderr(`${error.message}\n`);
    return error.exitCode;
  },
): Promise<number> {
  try {
    const client = await io.client();
    try {
      return await run(client);
    } finally {
      client.close();
    }
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    return refused(error);
  }
}
