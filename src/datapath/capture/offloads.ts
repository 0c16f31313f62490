/** Features of `ethtool -k` that must be off, and the short names by which `ethtool -K` knows them. */
const shortNames: Readonly<Record<string, string>> = {
  'rx-checksumming': 'rx',
  'tx-checksumming': 'tx',
  'tcp-segmentation-offload': 'tso',
  'generic-segmentation-offload': 'gso',
  'generic-receive-offload': 'gro',
  'large-receive-offload': 'lro',
  'rx-gro-hw': 'rx-gro-hw',
};

/**
 * The offloads that are on and may be switched off, by their `ethtool -K` names, from what
 * `ethtool -k` prints: `generic-receive-offload: on`, `large-receive-offload: off [fixed]`.
 */
export function offloadsInUse(features: string): string[] {
  const found: string[] = [];
  for (const line of features.split('\n')) {
    const [, name, rest] = /^([a-z-]+): on(.*)$/.exec(line) ?? [];
    if (name === undefined || rest?.includes('[fixed]')) continue;
    const short = shortNames[name];
    if (short !== undefined) found.push(short);
  }
  return found;
}

/** Arguments of `ethtool` that switch features on or off together. */
export function switchOffloads(ifName: string, names: readonly string[], on: boolean): string[] {
  return ['ethtool', '-K', ifName, ...names.flatMap((name) => [name, on ? 'on' : 'off'])];
}
