/** A configuration profile that carries the CA to iPhones and iPads (Apple, "Configuration Profile Reference", PKCS#1 payload). Pure. */

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** The same CA always gives the same identifiers, so that a second download replaces the first. */
function uuidFrom(hex: string, salt: number): string {
  const digits = hex.slice(salt, salt + 32).toUpperCase();
  const [a, b, c, d, e] = [0, 8, 12, 16, 20].map((from, at) => digits.slice(from, [8, 12, 16, 20, 32][at]));
  return `${a}-${b}-${c}-${d}-${e}`;
}

/** @param fingerprintHex SHA-256 of the CA, 64 hex digits */
export function mobileConfig(name: string, der: Uint8Array, fingerprintHex: string): string {
  const title = escape(name);
  const base64 = (
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  ).join('\n');
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>PayloadContent</key><array><dict>
<key>PayloadType</key><string>com.apple.security.root</string>
<key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>earshot.ca.${fingerprintHex.slice(0, 16)}</string>
<key>PayloadUUID</key><string>${uuidFrom(fingerprintHex, 0)}</string>
<key>PayloadDisplayName</key><string>${title}</string>
<key>PayloadCertificateFileName</key><string>earshot.crt</string>
<key>PayloadContent</key><data>
${base64}
</data>
</dict></array>
<key>PayloadType</key><string>Configuration</string>
<key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>earshot.${fingerprintHex.slice(0, 16)}</string>
<key>PayloadUUID</key><string>${uuidFrom(fingerprintHex, 32)}</string>
<key>PayloadDisplayName</key><string>${title}</string>
<key>PayloadDescription</key><string>Lets this device trust the Earshot node of this house. It can speak for private addresses only.</string>
</dict></plist>
`;
}
