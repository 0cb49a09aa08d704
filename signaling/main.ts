/** The node's command line: flags, start, print the addresses and the QR code, stop. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bannerText } from './join/banner.ts';
import { createNode } from './node.ts';
import { ConfigError, helpText, parseCommand } from './ops/config.ts';
import { createLog } from './ops/log.ts';

const rootDir = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** The promise is five seconds; whatever still hangs then is left to the system. */
const STOP_MS = 4_500;

async function main(): Promise<void> {
  const command = parseCommand(process.argv.slice(2), process.env, rootDir, process.cwd());
  if (command.run === 'help') return void process.stdout.write(helpText());
  if (command.run === 'version') return void process.stdout.write(`${version}\n`);

  const log = createLog();
  const fail = (event: string) => (error: unknown) => {
    log.fatal({ event, error: error instanceof Error ? error.stack : String(error) });
    process.exit(1);
  };
  process.on('uncaughtException', fail('uncaught-exception'));
  process.on('unhandledRejection', fail('unhandled-rejection'));

  const node = await createNode({
    config: command.config,
    version,
    log,
    notice: (text) => void process.stdout.write(`${text}\n`),
  });
  const colours = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
  const showBanner = (): void =>
    void process.stdout.write(
      bannerText({
        version,
        joinLink: node.joinLink,
        otherUrls: node.info.otherUrls,
        appUrl: node.info.appUrl,
        streamUrl: node.streamUrl,
        colours,
      }),
    );
  showBanner();
  node.onMoved(showBanner);

  let stopping = false;
  function stop(signal: NodeJS.Signals): void {
    if (stopping) return;
    stopping = true;
    log.info({ event: 'stopping', signal });
    setTimeout(() => process.exit(0), STOP_MS).unref();
    void node.close().then(() => {
      log.info({ event: 'stopped' });
      process.exit(0);
    });
  }
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`earshot: ${error.message}\n`);
  process.exitCode = 2;
}
