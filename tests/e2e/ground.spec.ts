/** What the other tests stand on: a node that starts and stops, a certificate that is trusted, a network that is watched. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createPeople } from './support/people.ts';
import { expect, test } from './support/test.ts';

test('the node starts, is healthy on both ports, and SIGTERM ends it with 0', async ({ node, people }) => {
  const { page } = await people.arrive('Ada');
  const answer = await page.goto(`${node.appUrl}health`);
  expect(answer?.status()).toBe(200);
  expect((await fetch(`${node.httpOrigin}/health`)).status).toBe(200);
  expect(await node.stop()).toBe(0);
  await expect(fetch(`${node.httpOrigin}/health`)).rejects.toThrow();
  await node.start();
  expect((await fetch(`${node.httpOrigin}/health`)).status).toBe(200);
});

test('the browser trusts the certificate and is a secure context', async ({ node, people }) => {
  const { page } = await people.arrive('Ada');
  await page.goto(`${node.appUrl}health`);
  expect(await page.evaluate(() => isSecureContext)).toBe(true);
  const caBefore = readFileSync(node.caPath, 'utf8');
  await node.stop();
  await node.start();
  expect(readFileSync(node.caPath, 'utf8')).toBe(caBefore);
  await page.reload();
});

test('a request off the LAN fails the test that made it', async ({ node }) => {
  const people = createPeople(node);
  const { page } = await people.arrive('Mallory');
  await page.goto(`${node.httpOrigin}/health`);
  await page.evaluate(() =>
    fetch('http://198.51.100.7/', { mode: 'no-cors', signal: AbortSignal.timeout(500) }).catch(() => null),
  );
  await expect(people.close()).rejects.toThrow('off the LAN');
});

test('an uncaught error in a page fails the test', async ({ node }) => {
  const server = createServer((_request, response) => {
    response
      .writeHead(200, { 'Content-Type': 'text/html' })
      .end('<script>throw new Error("spilled")</script>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const people = createPeople(node);
  const { page, faults } = await people.arrive('Ada');
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await expect.poll(() => faults.join()).toContain('spilled');
  server.close();
  await expect(people.close()).rejects.toThrow('spilled');
});

test('a node that is closed leaves nothing behind', async ({ node }) => {
  await node.close();
  expect(existsSync(node.dataDir)).toBe(false);
});
