import { throughGate } from './gate.ts';

throughGate(() => import('../conntrack-commands.test.ts'));
