/** This machine's addresses as they are now: they change while the node runs (a cable, a lease, another Wi-Fi). */
import { type Interfaces, lanAddresses, reachableAddress } from './addresses.ts';

export interface Surroundings {
  interfaces(): Interfaces;
  /** The one for links and the QR code; the last known one while there is no network. */
  address(): string;
  /** Others that might be reached, best first. */
  otherAddresses(): string[];
  /** Those that it had since it was first looked at, and has no longer; the last known one is none of them. */
  formerAddresses(): ReadonlySet<string>;
  /** @returns true when anything changed */
  look(): boolean;
}

/** Who wanders between networks for weeks has had many. */
const MAX_FORMER = 64;

export function createSurroundings(read: () => Interfaces, bind: string | undefined): Surroundings {
  let interfaces = read();
  let address = reachableAddress(interfaces, bind);
  const former = new Set<string>();

  function remember(before: readonly string[]): void {
    const now = new Set([...lanAddresses(interfaces), address]);
    for (const one of before) if (!now.has(one)) former.add(one);
    for (const one of now) former.delete(one);
    for (const oldest of former) if (former.size > MAX_FORMER) former.delete(oldest);
  }

  return {
    interfaces: () => interfaces,
    address: () => address,
    otherAddresses() {
      const bound = address === bind;
      return bound
        ? []
        : lanAddresses(interfaces).filter(
            (other) => other !== address && !/^(fe[89ab]|169\.254\.)/i.test(other),
          );
    },
    formerAddresses: () => former,
    look() {
      const before = JSON.stringify(interfaces);
      const had = [...lanAddresses(interfaces), address];
      interfaces = read();
      if (JSON.stringify(interfaces) === before) return false;
      if (lanAddresses(interfaces).length > 0) address = reachableAddress(interfaces, bind);
      remember(had);
      return true;
    },
  };
}
