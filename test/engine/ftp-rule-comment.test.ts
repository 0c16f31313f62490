/** A connection keeps the comment of the rule that gave it the helper: directives may name it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeGateway } from '../support/gateway.ts';
import { TcpSession } from '../support/tcp-session.ts';
import { filter } from './ftp-rules.ts';

/** The comments with which a control connection to port 21 got the helper. */
function commentsOf(...rules: string[]): string[] {
  const raw = `*raw\n${rules.map((rule) => `-A PREROUTING ${rule}\n`).join('')}COMMIT\n`;
  const gateway = makeGateway({ rules: raw + filter, settings: { ftpPorts: [21] } });
  const { ftp } = gateway.engine.tracking;
  const comments: string[] = [];
  const attach = ftp.attach.bind(ftp);
  ftp.attach = (row, comment) => {
    comments.push(comment);
    attach(row, comment);
  };
  const session = new TcpSession(gateway).connect();
  session.clientSays('NOOP\r\n');
  return comments;
}

const CT = '-p tcp --dport 21 -j CT --helper ftp';

test('the comment of the CT rule', () => {
  assert.deepEqual(commentsOf(`-m comment --comment "ftp \\"in\\"" ${CT}`), ['ftp "in"']);
  assert.deepEqual(commentsOf(`-m comment --comment one -m comment --comment two ${CT}`), ['one']);
});

test('of the first rule that decides, not of one that only passes by', () => {
  const other = '-p tcp --dport 22 -m comment --comment other -j CT --helper ftp';
  assert.deepEqual(commentsOf(other, `-m comment --comment mine ${CT}`), ['mine']);
});

test('none where the rule has none, and where the port alone decides', () => {
  assert.deepEqual(commentsOf(CT), ['']);
  assert.deepEqual(commentsOf('-m comment --comment "just words"'), ['']);
});
