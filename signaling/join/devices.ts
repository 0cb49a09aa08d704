/** How each system is brought to trust the local CA, in the fewest steps that it allows, with pictures. Pure. */
import { question, settings } from './pictures.ts';

interface Step {
  /** HTML; `<b>` is what the screen calls it. */
  text: string;
  picture: string | null;
}

interface Device {
  /** As `page.js` names it. */
  id: string;
  /** In the list of devices. */
  name: string;
  /** Said before the steps. */
  lead: string;
  file: { href: string; label: string } | null;
  steps: readonly Step[];
}

const CERTIFICATE = { href: '/ca.crt', label: 'Get the certificate' };

/** @param ca the CA's name as systems list it */
function devices(ca: string, caHtml: string): Device[] {
  const step = (text: string, picture: string | null = null): Step => ({ text, picture });
  return [
    {
      id: 'ios',
      name: 'iPhone or iPad',
      lead: 'One profile and one switch, about a minute.',
      file: { href: '/ca.mobileconfig', label: 'Get the profile' },
      steps: [
        step(
          'Tap <b>Allow</b>. (In another browser than Safari, open this page in Safari.)',
          question(['This website is trying to', 'download a configuration profile.'], ['Ignore', 'Allow']),
        ),
        step(
          'In Settings, tap <b>Profile Downloaded</b>, then Install, until it is done.',
          settings('Settings', [
            { label: 'Profile Downloaded', end: 'more', here: true },
            { label: 'Wi-Fi', end: 'more' },
          ]),
        ),
        step(
          'In Settings › General › About, at the very bottom: <b>Certificate Trust Settings</b>. Switch it on.',
          settings('Certificate Trust Settings', [{ label: ca, end: 'on', here: true }]),
        ),
      ],
    },
    {
      id: 'android',
      name: 'Android',
      lead: 'One file and one setting, about a minute.',
      file: CERTIFICATE,
      steps: [
        step(
          'In Settings, search for <b>CA certificate</b> and open what is found.',
          settings('Settings · search “CA certificate”', [
            { label: 'CA certificate', end: 'more', here: true },
            { label: 'VPN & app user certificate', end: 'more' },
          ]),
        ),
        step(
          'Tap <b>Install anyway</b>. It speaks for this house only, and for no site of the internet.',
          question(['Your data won’t be private'], ['Don’t install', 'Install anyway']),
        ),
        step(
          'Choose <b>earshot.crt</b> in Downloads.',
          settings('Downloads', [{ label: 'earshot.crt', end: { value: 'now' }, here: true }]),
        ),
      ],
    },
    {
      id: 'android-firefox',
      name: 'Android, in Firefox',
      lead: 'Firefox on Android leaves installed certificates aside. The short way is to scan the code again and open it in Chrome.',
      file: CERTIFICATE,
      steps: [
        step(
          'To stay in Firefox: install the certificate as Android wants it (choose Android below for the steps).',
        ),
        step(
          'In Firefox › Settings › About Firefox, tap the logo <b>five times</b>; then, in Secret Settings:',
          settings('Secret Settings', [{ label: 'Use third party CA certificates', end: 'on', here: true }]),
        ),
      ],
    },
    {
      id: 'macos',
      name: 'Mac',
      lead: 'For Safari and Chrome, about a minute.',
      file: CERTIFICATE,
      steps: [
        step(
          'Open <b>earshot.crt</b> and add it to the keychain <b>login</b>.',
          question(['Add the certificate', 'to the keychain “login”?'], ['Cancel', 'Add']),
        ),
        step(
          `In Keychain Access, double-click “${caHtml}”.`,
          settings('Keychain Access · login · Certificates', [{ label: ca, here: true }]),
        ),
        step(
          'Open <b>Trust</b> and choose <b>Always Trust</b>; close the window.',
          settings('Trust', [{ label: 'When using it', end: { button: 'Always Trust' }, here: true }]),
        ),
      ],
    },
    {
      id: 'windows',
      name: 'Windows',
      lead: 'For Edge and Chrome, about a minute.',
      file: CERTIFICATE,
      steps: [
        step(
          'Open <b>earshot.crt</b>, then <b>Install Certificate…</b>, Current User.',
          question([`Issued to: ${ca.slice(0, 30)}`], ['Install Certificate…']),
        ),
        step(
          '<b>Place all certificates in the following store</b>: Browse, and choose',
          settings('Select Certificate Store', [
            { label: 'Personal' },
            { label: 'Trusted Root Certification Authorities', here: true },
          ]),
        ),
        step(
          'Next, Finish, and <b>Yes</b>.',
          question(['Do you want to install this', 'certificate?'], ['No', 'Yes']),
        ),
      ],
    },
    {
      id: 'linux',
      name: 'Linux, in Chrome or Chromium',
      lead: 'Once for this browser.',
      file: CERTIFICATE,
      steps: [
        step(
          'Open the address <b>chrome://certificate-manager</b>, then Custom › Installed by you.',
          settings('Certificate Manager · Local certificates', [
            { label: 'Custom' },
            { label: 'Installed by you', end: 'more', here: true },
          ]),
        ),
        step(
          'Beside Trusted Certificates, <b>Import</b> earshot.crt.',
          settings('Installed by you', [
            { label: 'Trusted Certificates', end: { button: 'Import' }, here: true },
          ]),
        ),
      ],
    },
    {
      id: 'firefox',
      name: 'Firefox on a computer',
      lead: 'Firefox keeps certificates of its own.',
      file: CERTIFICATE,
      steps: [
        step(
          'In Settings, search for <b>certificates</b> and open <b>View Certificates…</b>',
          settings('Settings · search “certificates”', [
            { label: 'Certificates', end: { button: 'View Certificates…' }, here: true },
          ]),
        ),
        step(
          'Authorities › <b>Import…</b>: earshot.crt.',
          settings('Certificate Manager · Authorities', [
            { label: 'Authorities', end: { button: 'Import…' }, here: true },
          ]),
        ),
        step(
          'Tick the first line, then OK.',
          settings('Downloading Certificate', [
            { label: 'Trust this CA to identify websites', end: 'tick', here: true },
          ]),
        ),
      ],
    },
  ];
}

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** The whole second step of the page. @param icon of the download button, SVG */
export function trustSteps(ca: string, icon: string): string {
  const all = devices(ca, escape(ca));
  const options = all.map(({ id, name }) => `<option value="${id}">${name}</option>`).join('');
  const sections = all.map(({ id, lead, file, steps }) => {
    const items = [
      ...steps.map(({ text, picture }) => `<li>${text}${picture ?? ''}</li>`),
      '<li>Come back to this page.</li>',
    ];
    const link = file === null ? '' : `<a class="btn" href="${file.href}">${icon}${file.label}</a>`;
    return `<section data-device="${id}" hidden><p>${lead}</p>${link}<ol class="how">${items.join('')}</ol></section>`;
  });
  return `<h2>Trust this house’s certificate</h2>
<p id="trust-hint">So that your microphone and offline play work.</p>
<div id="how" hidden>${sections.join('')}
<label class="device">Another device or browser? <select id="device">${options}</select></label></div>`;
}
