import { throughGate } from './gate.ts';

throughGate(() => import('../fragments.test.ts'));
