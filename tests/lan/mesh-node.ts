/**
 * Runs on a host of the lab: the node, serving the contract's pages. Arguments: address, folder of the pages, data folder,
 * ports of HTTPS, HTTP and STUN (0: any). Prints one line of JSON, `MeshNodeInfo`.
 */
import { startNode } from '../unit/signaling/support.ts';

export interface MeshNodeInfo {
  ports: { https: number; http: number; stun: number | null };
}

const [bind = '', distDir = '', dataDir = '', ...ports] = process.argv.slice(2);
const [port = 0, httpPort = 0, stunPort = 0] = ports.map(Number);
const node = await startNode({ bind, distDir, dataDir, port, httpPort, stunPort });
const info: MeshNodeInfo = {
  ports: { https: node.ports.https, http: node.ports.http, stun: node.info.stunPort },
};
console.log(JSON.stringify(info));
