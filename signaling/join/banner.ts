/** What the terminal shows at the start: the only place where the whole join link appears. Pure. */
import { renderUnicodeCompact } from 'uqr';

export interface BannerFacts {
  version: string;
  joinLink: string;
  /** For devices that cannot reach the link's address. */
  otherUrls: readonly string[];
  appUrl: string;
  streamUrl: string;
  /** The terminal understands colours, so that the code is dark on light whatever its theme is. */
  colours: boolean;
}

const BLACK_ON_WHITE = '\u001b[30;107m';
const RESET = '\u001b[0m';

/** Ink is dark with colours; without them the code is for light text on a dark ground, as logs and most terminals are. */
export function qrCode(text: string, colours: boolean): string {
  const lines = renderUnicodeCompact(text, { ecc: 'M', border: 2, invert: colours }).split('\n');
  return lines.map((line) => (colours ? `  ${BLACK_ON_WHITE}${line}${RESET}` : `  ${line}`)).join('\n');
}

export function bannerText(facts: BannerFacts): string {
  return [
    '',
    `  Earshot ${facts.version}`,
    '',
    qrCode(facts.joinLink, facts.colours),
    '',
    `  Join    ${facts.joinLink}`,
    ...facts.otherUrls.map((url) => `  or      ${url}${new URL(facts.joinLink).hash}`),
    `  App     ${facts.appUrl}`,
    `  Stream  ${facts.streamUrl}`,
    '  Stop    Ctrl+C',
    '',
    '',
  ].join('\n');
}
