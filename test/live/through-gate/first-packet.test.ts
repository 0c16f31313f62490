import { throughGate } from './gate.ts';

throughGate(() => import('../first-packet.test.ts'));
