/** Runs on a host of the lab: gets a relay, asks it for the peers of the command line, and prints what came of each. */
import { turnClient, type TurnUser } from './turn-client.ts';

interface Task {
  server: { address: string; port: number };
  user: TurnUser;
  peers: { address: string; port: number }[];
}

const task = JSON.parse(process.argv[2] ?? '') as Task;
const client = await turnClient(task.server, task.user);
const relayed = await client.allocate();
const results: Record<string, string> = {};
for (const [at, peer] of task.peers.entries()) {
  const name = `${peer.address}:${peer.port}`;
  const code = await client.bind(0x4000 + at, peer);
  results[name] = String(code);
  if (code !== 0) continue;
  client.sendOn(0x4000 + at, 'hello');
  const end = performance.now() + 3_000;
  while (client.heard.length === 0 && performance.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 20));
  results[name] = client.heard.splice(0).join() || 'silence';
}
console.log(JSON.stringify({ relayed, results }));
client.close();
