import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EngineGateway } from './conntrack-engine.ts';
import { sharedNames, sharedText } from './conntrack-support.ts';

/**
 * The test suite of conntrack-tools, as much of it as lies beside the repository, played against an
 * engine: the command must end well where the suite says OK, and must not where it says BAD.
 */
const names = sharedNames('conntrack-suite').filter((name) => /^[0-9]/.test(name));
const skip = names.length === 0 ? 'the shared conntrack-suite is not beside the repository' : false;

test('the suite is there', { skip }, () => assert.ok(names.length > 0));

for (const name of names) {
  describe(`conntrack-tools suite ${name}`, async () => {
    const gateway = new EngineGateway();
    const lines = (sharedText(`conntrack-suite/${name}`) ?? '').split('\n');
    for (const [index, line] of lines.entries()) {
      const [args = '', verdict = ''] = line.split(';').map((part) => part.trim());
      if (args === '' || args.startsWith('#')) continue;
      test(`${index + 1}: ${args} is ${verdict}`, async () => {
        const { code, stderr } = await gateway.run(args.split(/\s+/));
        assert.equal(code === 0, verdict === 'OK', stderr);
      });
    }
  });
}
