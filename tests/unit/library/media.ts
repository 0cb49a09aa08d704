/** Files of every format that Earshot takes, made by ffmpeg once and kept in tests/.cache. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const CACHE = join(import.meta.dirname, '..', '..', '.cache', 'library-media');
const run = promisify(execFile);

export const SECONDS = 7.3;
export const TAGS = { title: 'Blaue Züge', artist: 'Jöhn & Söhne', album: 'Rund' };

const tagged = Object.entries(TAGS).flatMap(([key, value]) => ['-metadata', `${key}=${value}`]);
const tone = ['-f', 'lavfi', '-i', `sine=440:duration=${SECONDS}:sample_rate=44100`];
const cover = ['-f', 'lavfi', '-i', 'testsrc=size=640x640:rate=1:duration=1'];
const withCover = [
  '-map',
  '0',
  '-map',
  '1',
  '-frames:v',
  '1',
  '-c:v',
  'mjpeg',
  '-disposition:v',
  'attached_pic',
];

/** ffmpeg's arguments for each file. */
const FILES: Record<string, string[]> = {
  'vbr.mp3': [...tone, ...tagged, '-c:a', 'libmp3lame', '-q:a', '4'],
  'cbr.mp3': [...tone, ...tagged, '-c:a', 'libmp3lame', '-b:a', '128k', '-write_id3v1', '1'],
  'no-index.mp3': [...tone, ...tagged, '-c:a', 'libmp3lame', '-q:a', '4', '-write_xing', '0'],
  'cover.mp3': [...tone, ...cover, ...withCover, ...tagged, '-c:a', 'libmp3lame', '-id3v2_version', '3'],
  'plain.m4a': [...tone, ...tagged, '-c:a', 'aac'],
  'fast.m4a': [...tone, ...tagged, '-c:a', 'aac', '-movflags', '+faststart'],
  'cover.m4a': [...tone, ...cover, ...withCover, ...tagged, '-c:a', 'aac'],
  'vorbis.ogg': [...tone, ...tagged, '-c:a', 'libvorbis'],
  'opus.opus': [...tone, ...tagged, '-c:a', 'libopus'],
  'plain.flac': [...tone, ...tagged, '-c:a', 'flac'],
  'cover.flac': [...tone, ...cover, ...withCover, ...tagged, '-c:a', 'flac'],
  'plain.wav': [...tone, ...tagged, '-c:a', 'pcm_s16le'],
  'raw.aac': [...tone, '-c:a', 'aac', '-f', 'adts'],
  'picture.png': ['-f', 'lavfi', '-i', 'testsrc=size=64x64:rate=1:duration=1', '-frames:v', '1'],
  'silent-film.mp4': ['-f', 'lavfi', '-i', 'testsrc=size=64x64:rate=5:duration=1', '-pix_fmt', 'yuv420p'],
};

export const MUSIC = Object.keys(FILES).filter((name) => !/^(picture|silent)/.test(name));

export async function media(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const args = FILES[name];
  if (!args) throw new Error(`no recipe for ${name}`);
  await mkdir(CACHE, { recursive: true });
  const path = join(CACHE, name);
  if (!(await stat(path).catch(() => null))) {
    const making = join(CACHE, `.${process.pid}-${name}`);
    await run('ffmpeg', ['-v', 'error', '-y', ...args, making]);
    await rename(making, path);
  }
  return new Uint8Array(await readFile(path));
}

export function fileOf(bytes: Uint8Array<ArrayBuffer>, name: string): File {
  return new File([bytes], name);
}
