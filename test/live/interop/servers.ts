/**
 * FTP servers, each on two addresses of its own (IPv4 and IPv6) and port 21, for the user
 * anonymous, who may write into /pub/incoming. One process per address: not every server can bind
 * two.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Family } from '../ftp-clients.ts';
import { repositoryRoot } from '../harness.ts';
import { locate, proftpdModules, pyftpdlibFound, python } from './programs.ts';

export interface Listener {
  readonly family: Family;
  /** Without brackets. */
  readonly address: string;
  /** What anonymous sees as /. */
  readonly root: string;
  /** Where the server keeps its own files; exists already. */
  readonly dir: string;
  /** Owner of what anonymous uploads. */
  readonly user: string;
}

export interface FtpServer {
  readonly name: string;
  /** Debian package that has it. */
  readonly package: string;
  /** Whether it can be started on this machine. */
  available(): boolean;
  /** Command line that stays in the foreground. Writes its configuration first. */
  command(listener: Listener): string[];
}

function configuration(listener: Listener, name: string, lines: readonly string[]): string {
  const path = join(listener.dir, `${name}-${listener.family}.conf`);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

const vsftpd: FtpServer = {
  name: 'vsftpd',
  package: 'vsftpd',
  available: () => locate('vsftpd') !== undefined,
  command: (listener) => {
    const { family, address, root, dir, user } = listener;
    const four = family === 4;
    const path = configuration(listener, 'vsftpd', [
      ...[`listen=${four ? 'YES' : 'NO'}`, `listen_ipv6=${four ? 'NO' : 'YES'}`],
      four ? `listen_address=${address}` : `listen_address6=${address}`,
      ...['background=NO', 'anonymous_enable=YES', 'no_anon_password=NO', 'local_enable=NO'],
      ...[`ftp_username=${user}`, `anon_root=${root}`, `secure_chroot_dir=${join(dir, 'empty')}`],
      ...['write_enable=YES', 'anon_upload_enable=YES', 'anon_umask=022'],
      ...['pasv_min_port=50000', 'pasv_max_port=50999', 'connect_from_port_20=YES'],
      // Its filter ends sessions on newer C libraries; isolation hides processes from `lab down`.
      ...['seccomp_sandbox=NO', 'isolate=NO', 'isolate_network=NO'],
      ...['syslog_enable=NO', `vsftpd_log_file=${join(dir, 'vsftpd.log')}`],
    ]);
    return [locate('vsftpd') ?? 'vsftpd', path];
  },
};

const proftpd: FtpServer = {
  name: 'proftpd',
  package: 'proftpd-core',
  available: () => locate('proftpd') !== undefined,
  command: (listener) => {
    const { family, address, root, dir, user } = listener;
    const modules = proftpdModules();
    const path = configuration(listener, 'proftpd', [
      ...(modules === undefined ? [] : [`ModulePath ${modules}`]),
      ...['ServerType standalone', 'ServerName interop', `DefaultAddress ${address}`, 'Port 21'],
      ...['SocketBindTight on', `UseIPv6 ${family === 6 ? 'on' : 'off'}`, 'UseReverseDNS off'],
      ...['WtmpLog off', 'DelayEngine off', 'AuthOrder mod_auth_unix.c', 'RequireValidShell off'],
      ...[`ScoreboardFile ${join(dir, `scoreboard-${family}`)}`],
      ...[`PidFile ${join(dir, `pid-${family}`)}`, `SystemLog ${join(dir, 'proftpd.log')}`],
      ...['TransferLog none', 'PassivePorts 50000 50999', `User ${user}`, 'Group nogroup'],
      `<Anonymous ${root}>`,
      ...[`User ${user}`, 'Group nogroup', `UserAlias anonymous ${user}`],
      ...['RequireValidShell off', 'AllowOverwrite on', 'Umask 022'],
      '</Anonymous>',
    ]);
    return [locate('proftpd') ?? 'proftpd', '--nodaemon', '--config', path];
  },
};

const pureFtpd: FtpServer = {
  name: 'pure-ftpd',
  package: 'pure-ftpd',
  available: () => locate('pure-ftpd') !== undefined,
  command: ({ family, address, root, dir, user }) => {
    // Its anonymous area is the home directory of the user ftp. `ip netns exec` gives the process a
    // mount namespace of its own, so that this user list is seen by nobody else.
    const passwd = join(dir, `passwd-${family}`);
    writeFileSync(
      passwd,
      [
        'root:x:0:0:root:/root:/bin/sh',
        `ftp:x:1021:65534::${root}:/usr/sbin/nologin`,
        `${user === 'ftp' ? 'nobody' : user}:x:65534:65534::/nonexistent:/usr/sbin/nologin`,
        '',
      ].join('\n'),
    );
    const flags = ['-S', `${address},21`, family === 6 ? '-6' : '-4', '-e', '-H', '-K'];
    flags.push('-p', '50000:50999', '-c', '100', '-C', '100', '-Y', '0', '-f', 'none');
    flags.push('-g', join(dir, `pid-${family}`), '-U', '133:022', '-k', '100');
    const script = `mount --bind "$1" /etc/passwd && shift && exec "$@"`;
    return ['sh', '-c', script, 'sh', passwd, locate('pure-ftpd') ?? 'pure-ftpd', ...flags];
  },
};

const pyftpdlib: FtpServer = {
  name: 'pyftpdlib',
  package: 'python3-pyftpdlib',
  available: pyftpdlibFound,
  command: ({ address, root }) => [
    ...[python, join(repositoryRoot, 'scripts', 'interop', 'pyftpd.py'), address, root],
  ],
};

export const ftpServers: readonly FtpServer[] = [vsftpd, proftpd, pureFtpd, pyftpdlib];
