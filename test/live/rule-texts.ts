/** Rule files that several live tests share. */

/** A filter that forwards FTP and what belongs to it, and nothing else. */
export function ftpFilter(more: readonly string[] = []): string {
  return [
    '*filter',
    ':INPUT ACCEPT [0:0]',
    ':FORWARD DROP [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    '-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT',
    '-A FORWARD -m conntrack --ctstate RELATED -m helper --helper ftp -j ACCEPT',
    '-A FORWARD -p tcp -m tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT',
    ...more,
    'COMMIT',
    '',
  ].join('\n');
}

export function natTable(...rules: readonly string[]): string {
  return ['*nat', ...rules, 'COMMIT', ''].join('\n');
}

export const masquerade = natTable('-A POSTROUTING -o wan0 -j MASQUERADE');
