import { examineStates } from './axe.ts';

examineStates('phone');
