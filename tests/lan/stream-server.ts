/** Runs on a host of the lab: an endless MP3, no faster than it plays. Arguments: MP3 file, port, bytes a second. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [, , path = '', port = '8097', bytesPerSecond = '16000'] = process.argv;
const bytes = readFileSync(path);
const step = Math.round(Number(bytesPerSecond) / 10);

createServer((_request, response) => {
  response.writeHead(200, { 'Content-Type': 'audio/mpeg', 'Accept-Ranges': 'none' });
  let at = 0;
  const timer = setInterval(() => {
    response.write(bytes.subarray(at, at + step));
    at = at + step < bytes.length ? at + step : 0;
  }, 100);
  response.on('close', () => clearInterval(timer));
}).listen(Number(port), () => console.log('listening'));
