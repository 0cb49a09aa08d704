/* global document, location, window */
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

  const select = /** @type {HTMLSelectElement | null} */ (document.getElementById('device'));
  function show() {
    for (const section of document.querySelectorAll('section[data-device]')) {
      section.hidden = section.dataset.device !== select?.value;
    }
  }
  if (select !== null) {
    select.value = device();
    select.onchange = show;
    show();
  }
  byId('without').href = target;
  for (const link of document.querySelectorAll('#others a')) link.href += location.hash;

  /** The app knows whether the room exists; that a link was cut off can be seen here. */
  const isCutOff = location.hash.length > 1 && !/^#[\w-]{22}$/.test(location.hash);
  if (location.hash.length < 2) {
    byId('found-title').textContent = 'You found this house';
    byId('found-hint').textContent = 'This link names no room: scan the room’s QR code to join it.';
  } else if (isCutOff) {
    byId('found').className = 'failed';
    byId('found-title').textContent = 'This link is cut off';
    byId('found-hint').textContent =
      'The part after # has 22 characters. Scan the QR code once more, or ask for the link again.';
    byId('enter-hint').textContent = 'With the whole link, this page opens the room by itself.';
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

  let isChecking = false;
  let hasEntered = false;
  async function check() {
    if (isChecking || hasEntered || document.visibilityState !== 'visible') return;
    isChecking = true;
    const trusted = await isTrusted();
    isChecking = false;
    if (trusted && !isCutOff) {
      hasEntered = true;
      return enter();
    }
    if (trusted) byId('trust').className = 'done';
    // Nothing is asked of who trusts it already: the steps come only when they are needed.
    const how = document.getElementById('how');
    if (how !== null) how.hidden = trusted;
    byId('costs').hidden = trusted;
  }
  // Back from the settings is the moment at which it may have become trusted.
  for (const name of ['visibilitychange', 'focus', 'pageshow']) {
    (name === 'visibilitychange' ? document : window).addEventListener(name, () => void check());
  }
  setInterval(() => void check(), CHECK_MS);
  void check();
})();
