/** How every browser of the tests is started. Debian's Chromium: Playwright's own download is not needed. */

export const CHROMIUM = process.env['EARSHOT_CHROMIUM'] ?? '/usr/bin/chromium';

const AS_ROOT = process.getuid?.() === 0 ? ['--no-sandbox'] : [];

/** Port 9 (discard) of this machine: where Chromium's own questions to its maker end, so that only the app's are left. */
const NOWHERE = 'http://127.0.0.1:9/';

/** No call home, no GPU (there is none in CI), a microphone that needs no hardware and no click. */
export const CHROMIUM_ARGS: readonly string[] = [
  ...AS_ROOT,
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // The last list wins, so Playwright's own features that call home are named again.
  `--disable-features=${[
    'AutofillServerCommunication',
    'NetworkTimeServiceQuerying',
    'OptimizationHints',
    'OptimizationGuideModelDownloading',
    'OptimizationHintsFetching',
    'OptimizationTargetPrediction',
    'CertificateTransparencyComponentUpdater',
    'InterestFeedContentSuggestions',
    'MediaRouter',
    'DialMediaRouteProvider',
    'GlobalMediaControls',
    'DestroyProfileOnBrowserClose',
    'HttpsUpgrades',
    'PaintHolding',
    'Translate',
  ].join()}`,
  `--gaia-url=${NOWHERE}`,
  `--component-updater=url-source=${NOWHERE}`,
  `--apps-gallery-update-url=${NOWHERE}`,
  // Of this one Chromium insists on HTTPS: ten seconds after a page got a microphone it asks there, and ends itself.
  `--optimization-guide-service-get-models-url=${NOWHERE.replace('http:', 'https:')}`,
  `--optimization-guide-service-get-hints-url=${NOWHERE}`,
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
];
