/** This machine's addresses as they are now: they change while the node runs (a cable, a lease, another Wi-Fi). */
import { type Interfaces, lanAddresses, reachableAddress } from './addresses.ts';

export interface Surroundings {
  interfaces(): Interfaces;
  /** The one for links and the QR code; the last known one while there is no network. */
  address(): string;
  /** Others that might be reached, best first. */
  otherAddresses(): string[];
  /** @returns true when anything changed */
  look(): boolean;
}

export function createSurroundings(read: () => Interfaces, bind: string | undefined): Surroundings {
  let interfaces = read();
  let address = reachableAddress(interfaces, bind);

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
    look() {
      const before = JSON.stringify(interfaces);
      interfaces = read();
      if (JSON.stringify(interfaces) === before) return false;
      if (lanAddresses(interfaces).length > 0) address = reachableAddress(interfaces, bind);
      return true;
    },
  };
}
