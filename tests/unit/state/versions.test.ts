import { expect, test } from 'vitest';
import { fitOf } from '../../../app/state/versions.ts';

const own = { protocol: 3, minProtocol: 2 };

test.each([
  [{ name: 'earshot', protocol: 3, minProtocol: 2 }, 'fits'],
  [{ name: 'earshot', protocol: 9, minProtocol: 3 }, 'fits'],
  [{ name: 'earshot', protocol: 9, minProtocol: 4, shape: 'unheard of' }, 'app-old'],
  [{ name: 'earshot', protocol: 2 }, 'fits'],
  [{ name: 'earshot', protocol: 1 }, 'node-old'],
  [{ name: 'something else', protocol: 1 }, 'fits'],
  [null, 'fits'],
] as const)('%j: %s', (answer, fit) => {
  expect(fitOf(answer, own)).toBe(fit);
});
