import { throughGate } from './gate.ts';

throughGate(() => import('../ftp-policy.test.ts'));
