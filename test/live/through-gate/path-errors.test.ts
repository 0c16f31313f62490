import { throughGate } from './gate.ts';

throughGate(() => import('../path-errors.test.ts'));
