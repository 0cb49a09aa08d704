import { examineStates } from './axe.ts';

examineStates('laptop');
