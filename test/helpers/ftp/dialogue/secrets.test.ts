import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { greeted, Spoken } from './spoken.ts';

const SECRET = 'hunter2-marker';

/** Whatever the session holds, in plain fields and in those of its parts. */
function everything({ session }: Spoken): string {
  const seen: unknown[] = [session, session.view(1)];
  const texts: string[] = [];
  for (const value of seen) {
    if (ArrayBuffer.isView(value)) texts.push(Buffer.from(value.buffer).toString('latin1'));
    else if (typeof value === 'string') texts.push(value);
    else if (typeof value === 'object' && value !== null) seen.push(...Object.values(value));
  }
  return texts.join('\n') + JSON.stringify(session);
}

function assertNoSecret(spoken: Spoken, after: string): void {
  assert.ok(!everything(spoken).includes(SECRET), after);
}

describe('no password is kept, not even for a moment', () => {
  test('of the commands that carry one, nor of what may be one mistyped', () => {
    const lines = [`PASS ${SECRET}`, `pass\t${SECRET}`, `ACCT ${SECRET}`, `PAS ${SECRET}`];
    lines.push(`ADAT ${SECRET}`, `SITE PSWD x ${SECRET}`, SECRET, ` ${SECRET}`, `PASS-${SECRET}`);
    lines.push(
      `USER joe\rPASS ${SECRET}`,
      `RETR a\0PASS ${SECRET}`,
      `AUTH ${SECRET}`,
      `!${SECRET}`,
    );
    for (const line of lines) {
      const spoken = greeted();
      spoken.asked('USER joe', '331 password');
      spoken.client(line);
      assertNoSecret(spoken, line);
      for (const reply of [`530 ${SECRET}?`, `230-${SECRET}`, ` ${SECRET}`, `230 ${SECRET}`]) {
        spoken.server(reply);
        assertNoSecret(spoken, `${line}, ${reply}`);
      }
    }
  });

  test('of a server that echoes it, also late or out of turn', () => {
    const spoken = greeted();
    spoken.client('NOOP');
    spoken.client('USER x');
    spoken.client(`PASS ${SECRET}`);
    for (const reply of ['200 ok', `331 ${SECRET}`, `230 ${SECRET}`, `250 ${SECRET}`]) {
      spoken.server(reply);
      assertNoSecret(spoken, reply);
    }
    spoken.client('NOOP');
    spoken.server(`530 not logged in: ${SECRET}`);
    assertNoSecret(spoken, 'x3x to a harmless command');
    assert.equal(spoken.session.lastReply, '530');
  });

  test('a reply to an unanswered harmless command may belong to a secret behind it', () => {
    const spoken = greeted();
    spoken.client('NOOP');
    spoken.client(`PASS ${SECRET}`);
    spoken.server(`200 ${SECRET}`);
    assertNoSecret(spoken, 'the reply to PASS, taken for that to NOOP');
  });

  test('in any dialogue where servers repeat it only while they talk of it', () => {
    const command = fc.constantFrom(
      ...['NOOP', 'USER x', `PASS ${SECRET}`, `ACCT ${SECRET}`, `PAS ${SECRET}`, 'PWD', 'RETR f'],
      ...[`FOO ${SECRET}`, `SITE ${SECRET}`, 'AUTH TLS', 'REIN'],
    );
    const reply = fc.constantFrom('331', '230', '530', '332', '202', '500', '120');
    const step = fc.oneof(command, reply);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const spoken = greeted();
        // Harmless commands get harmless replies: this server answers in order, and only echoes.
        const waiting: string[] = [];
        for (const said of steps) {
          if (/^\d/.test(said)) {
            const about = (said === '120' ? waiting[0] : waiting.shift()) ?? SECRET;
            spoken.server(`${said} ${about}`);
          } else {
            waiting.push(said);
            spoken.client(said);
          }
          assertNoSecret(spoken, steps.join(', '));
        }
      }),
      { seed: 20_260_410, numRuns: 1000 },
    );
  });

  test('the check would find one', () => {
    const spoken = greeted();
    spoken.asked(`RETR ${SECRET}`, '226 ok');
    spoken.client(`RETR ${SECRET}`);
    assert.throws(() => assertNoSecret(spoken, 'a file of that name'));
    const other = new Spoken();
    other.session.lastReply = SECRET;
    assert.throws(() => assertNoSecret(other, 'a reply'));
  });
});
