import { throughGate } from './gate.ts';

throughGate(() => import('../conntrack-load.test.ts'));
