/** Chromium on a host of the lab. Playwright talks to it through pipes, which pass namespaces. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser } from '@playwright/test';
import { CHROMIUM, CHROMIUM_ARGS } from '../e2e/support/chromium.ts';
import { homeThatTrusts } from '../e2e/support/trust.ts';
import type { LabHost } from './lab.ts';

export interface BrowserOptions {
  /** PEM of the node's CA; without it the browser trusts no local certificate. */
  caPath?: string;
  /** What its microphone hears, looped. */
  microphoneWav?: string;
  /** It is heard: what its environment needs for that (PULSE_SERVER, PULSE_SINK). */
  heard?: Readonly<Record<string, string>>;
}

export async function launchOn(
  host: LabHost,
  { caPath, microphoneWav, heard }: BrowserOptions = {},
): Promise<Browser> {
  const folder = caPath === undefined ? mkdtempSync(join(tmpdir(), 'earshot-home-')) : homeThatTrusts(caPath);
  const wrapper = join(folder, 'chromium');
  writeFileSync(wrapper, `#!/bin/sh\nexec ip netns exec ${host.netns} ${CHROMIUM} "$@"\n`);
  chmodSync(wrapper, 0o755);
  const browser = await chromium.launch({
    executablePath: wrapper,
    env: { ...process.env, HOME: folder, ...heard },
    ignoreDefaultArgs: heard === undefined ? [] : ['--mute-audio'],
    args: [
      ...CHROMIUM_ARGS,
      ...(microphoneWav === undefined ? [] : [`--use-file-for-fake-audio-capture=${microphoneWav}`]),
    ],
  });
  browser.on('disconnected', () => rmSync(folder, { recursive: true, force: true }));
  return browser;
}
