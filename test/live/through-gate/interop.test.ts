import { throughGate } from './gate.ts';

throughGate(() => import('../interop.test.ts'));
