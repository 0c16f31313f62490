import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { gateRefusal } from '../gate/index.ts';
import { runCommand } from '../host/index.ts';
import type { HostProbe } from './probe.ts';

/** The host that this process runs on. */
export const thisHost: HostProbe = {
  uid: process.geteuid?.() ?? -1,
  kernelRelease: release(),
  run: runCommand,
  sysctl(path) {
    try {
      return readFileSync(`/proc/sys/${path}`, 'utf8').trim();
    } catch {
      return '';
    }
  },
  async loadFailure(name) {
    try {
      await import(name);
      return null;
    } catch (error) {
      return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
    }
  },
  gateRefusal,
};
