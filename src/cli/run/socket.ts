import { chmodSync, existsSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { dirname } from 'node:path';
import { ControlClient, ControlError } from '../../control/index.ts';
import { CommandError, Exit } from '../exit-code.ts';

/**
 * Listens on the control socket, readable by root alone. Refuses where another gateway answers
 * there, or where something else than a socket stands in the way; a dead socket is removed.
 */
export async function listenOnSocket(path: string): Promise<Server> {
  await removeDeadSocket(path);
  const server = createServer();
  try {
    mkdirSync(dirname(path), { recursive: true });
    await listen(server, path);
  } catch (error) {
    const { message } = error as Error;
    throw new CommandError(
      `pinhole run: cannot listen on ${path}: ${message}; give another --socket`,
    );
  }
  chmodSync(path, 0o600);
  return server;
}

async function listen(server: Server, path: string): Promise<void> {
  // Created without rights for others, not opened up for a moment and closed again.
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
  } finally {
    process.umask(mask);
  }
}

async function removeDeadSocket(path: string): Promise<void> {
  if (!existsSync(path)) return;
  if (!lstatSync(path).isSocket()) {
    throw new CommandError(
      `pinhole run: ${path} exists and is not a socket: give another --socket`,
    );
  }
  if (await somebodyAnswers(path)) {
    throw new CommandError(
      `pinhole run: another gateway holds ${path}: stop it first, or give another --socket`,
      Exit.NoGateway,
    );
  }
  rmSync(path, { force: true });
}

async function somebodyAnswers(path: string): Promise<boolean> {
  try {
    (await ControlClient.connect(path)).close();
    return true;
  } catch (error) {
    if (error instanceof ControlError) return false;
    throw error;
  }
}
