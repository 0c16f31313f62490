import { throughGate } from './gate.ts';

throughGate(() => import('../lifecycle.test.ts'));
