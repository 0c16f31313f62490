import { throughGate } from './gate.ts';

throughGate(() => import('../enforcement.test.ts'));
