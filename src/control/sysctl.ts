import {
  readSysctl,
  type SysctlChange,
  SysctlError,
  type SysctlSetting,
  type SysctlSubject,
  sysctlNames,
  sysctlsOfTracker,
  writeSysctls,
} from '../conntrack/index.ts';
import { RequestError } from './entry-args.ts';
import type { GatewayHost } from './gateway.ts';
import { isObject } from './line-socket.ts';
import type { Reply } from './serve-lines.ts';

type Args = Record<string, unknown>;

/** What the settings named say, or all of them. */
export async function getSysctls(host: GatewayHost, args: Args, reply: Reply): Promise<void> {
  const names = args.names === undefined ? sysctlNames : namesArg(args.names);
  const subject = subjectOf(host);
  const items = asRequest(() => names.map((name) => ({ name, value: readSysctl(subject, name) })));
  for (const item of items) await reply.item(item);
  reply.done();
}

/** All or nothing; items are the settings named, as they are now. What changed is logged, once. */
export async function setSysctls(host: GatewayHost, args: Args, reply: Reply): Promise<void> {
  const settings = settingsArg(args.settings);
  const subject = subjectOf(host);
  const changes = asRequest(() => writeSysctls(subject, settings));
  if (changes.length > 0) host.note?.(changeText(changes));
  for (const { name } of settings) await reply.item({ name, value: readSysctl(subject, name) });
  reply.done();
}

function subjectOf({ engine }: GatewayHost): SysctlSubject {
  return sysctlsOfTracker(engine.tracking.conntrack, engine.settings.fragments);
}

function asRequest<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof SysctlError) throw new RequestError(error.code, error.message);
    throw error;
  }
}

/** `sysctl: nf_conntrack_max 262144 -> 500000, nf_conntrack_acct 0 -> 1` */
function changeText(changes: readonly SysctlChange[]): string {
  const texts = changes.map(({ name, before, value }) => `${name} ${before} -> ${value}`);
  return `sysctl: ${texts.join(', ')}`;
}

function namesArg(names: unknown): readonly string[] {
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  throw new RequestError('BAD_REQUEST', 'names: an array of strings expected');
}

function settingsArg(settings: unknown): readonly SysctlSetting[] {
  if (Array.isArray(settings) && settings.every(isSetting)) return settings;
  throw new RequestError('BAD_REQUEST', 'settings: objects with name and value expected');
}

function isSetting(setting: unknown): setting is SysctlSetting {
  return isObject(setting) && typeof setting.name === 'string' && typeof setting.value === 'string';
}
