/**
 * Runs on a host of the lab: asks the LAN for media renderers (UPnP Device Architecture 1.0, §1.2) and prints where the
 * first one's description is. Arguments: own address, deadline in ms, address of the one that is meant. Ends with 1 when none
 * answers.
 */
import { createSocket } from 'node:dgram';

const [, , address = '', deadlineMs = '8000', wanted] = process.argv;
const SEARCH = [
  'M-SEARCH * HTTP/1.1',
  'HOST: 239.255.255.250:1900',
  'MAN: "ssdp:discover"',
  'MX: 1',
  'ST: urn:schemas-upnp-org:device:MediaRenderer:1',
  '',
  '',
].join('\r\n');

const socket = createSocket('udp4');
const search = (): void => socket.send(SEARCH, 1900, '239.255.255.250');
socket.bind(0, address, () => {
  socket.setMulticastInterface(address);
  search();
});
const again = setInterval(search, 500);
const deadline = setTimeout(() => {
  console.error('no renderer answered');
  process.exit(1);
}, Number(deadlineMs));

socket.on('message', (message, from) => {
  if (wanted !== undefined && from.address !== wanted) return;
  const location = /^location:\s*(\S+)/im.exec(message.toString('latin1'))?.[1];
  if (location === undefined) return;
  console.log(location);
  clearInterval(again);
  clearTimeout(deadline);
  socket.close();
});
