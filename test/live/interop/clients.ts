/** The clients of the matrix: those of every live test, and some that only the matrix needs. */
import { type FtpClient, ftpClients } from '../ftp-clients.ts';
import { locate } from './programs.ts';

/** Three programs, a control connection each; without IPv6. */
const ncftp: FtpClient = {
  name: 'ncftp',
  program: 'ncftpget',
  modes: { 4: ['PORT', 'PASV'], 6: [] },
  uploads: true,
  downloads: [['big.bin', 'big.bin']],
  listing: 'listing.txt',
  honestExit: true,
  connections: 3,
  invoke: ({ job, url, uploadName, passive }) => {
    const program = (name: string) => locate(name) ?? name;
    const flags = `${passive ? '-F' : '-E'} -t ${job.timeoutSec} -r 1`;
    const script = [
      // ncftpls asks the name service about the server and waits; `ip netns exec` gives the client
      // a mount namespace of its own, in which there is none.
      'echo hosts: files >nsswitch.conf',
      'mount --bind nsswitch.conf /etc/nsswitch.conf',
      `cp upload.bin ${uploadName}`,
      `'${program('ncftpget')}' -V -d stdout ${flags} '${job.host}' . /pub/big.bin`,
      `'${program('ncftpput')}' -V -d stdout ${flags} '${job.host}' /pub/incoming ${uploadName}`,
      // It lists to the standard output, with its debugging between the lines.
      `'${program('ncftpls')}' -l -d list.log ${flags} ${url}/pub/ >listing.txt`,
    ];
    return {
      argv: ['sh', '-c', `${script.join(' && ')}; r=$?; cat list.log 2>/dev/null; exit $r`],
    };
  },
};

/** A URL and nothing else, as a browser fetches it: whatever command curl chooses by itself. */
const browser: FtpClient = {
  name: 'curl URL',
  program: 'curl',
  modes: { 4: ['EPSV'], 6: ['EPSV'] },
  uploads: false,
  downloads: [['first.bin', 'big.bin']],
  listing: 'listing.txt',
  honestExit: true,
  invoke: ({ job, url }) => {
    const withUser = url.replace('ftp://', 'ftp://anonymous@');
    const options = ['-q', '-sSv', '--max-time', `${job.timeoutSec}`];
    return {
      argv: [
        ...['curl', ...options, '-o', 'first.bin', `${withUser}/pub/big.bin;type=i`],
        ...['-o', 'listing.txt', `${withUser}/pub/`],
      ],
    };
  },
};

const lftp = ftpClients.find(({ name }) => name === 'lftp');
if (lftp === undefined) throw new Error('the table of clients has no lftp');

/** lftp as it is set for fast links: it sends commands without waiting for the replies. */
const lftpPipelining: FtpClient = {
  ...lftp,
  name: 'lftp async',
  invoke: (session) => {
    const { argv, input = '' } = lftp.invoke(session);
    return { argv, input: `set ftp:sync-mode off\n${input}` };
  },
};

export const interopClients: readonly FtpClient[] = [...ftpClients, ncftp, browser, lftpPipelining];
