/* global document, location */
/**
 * Runs in the landing page. The room's secret is in the fragment: it is put behind the app's address here, in the
 * browser, and so never reaches the node.
 */
(() => {
  const app = document.documentElement.dataset.app;
  const target = `${app}/${location.hash}`;
  const CHECK_MS = 2000;

  /** @param {string} id */
  const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

  function device() {
    const agent = navigator.userAgent;
    const firefox = /Firefox\//.test(agent);
    // An iPad says that it is a Mac; no Mac has a touch screen.
    if (/iPhone|iPad|iPod/.test(agent) || (/Macintosh/.test(agent) && navigator.maxTouchPoints > 1))
      return 'ios';
    if (/Android/.test(agent)) return firefox ? 'android-firefox' : 'android';
    if (firefox) return 'firefox';
    if (/Macintosh/.test(agent)) return 'macos';
    return /Windows/.test(agent) ? 'windows' : 'linux';
  }

  for (const section of document.querySelectorAll('section[data-device]')) {
    section.hidden = section.dataset.device !== device();
  }
  byId('without').href = target;
  if (location.hash.length < 2) {
    byId('found-title').textContent = 'You found this house';
    byId('found-hint').textContent = 'This link names no room: scan the room’s QR code to join it.';
  }

  /** A fetch to an origin whose certificate is not trusted fails; there is no other way for a page to ask. */
  async function isTrusted() {
    try {
      const answer = await fetch(`${app}/health`, {
        cache: 'no-store',
        credentials: 'omit',
        signal: AbortSignal.timeout(5000),
      });
      return answer.ok;
    } catch {
      return false;
    }
  }

  function enter() {
    byId('trust').className = 'done';
    byId('trust').removeAttribute('aria-current');
    byId('enter').className = 'cur';
    byId('enter').setAttribute('aria-current', 'step');
    byId('enter-hint').textContent = 'Opening the room.';
    byId('status').textContent = 'This device trusts the certificate. Opening the room.';
    // Replaced, so that going back from the app does not lead here and forward again.
    location.replace(target);
  }

  async function watch() {
    if (document.visibilityState === 'visible' && (await isTrusted())) return enter();
    setTimeout(watch, CHECK_MS);
  }
  void watch();
})();
