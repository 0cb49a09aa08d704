/**
 * Test set-up: programs from Debian's packages, and one real song of each format. As root on Debian it installs what is
 * missing; elsewhere it says in one line what to install. When everything is there it takes a fraction of a second.
 */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { announced, inRepo, run } from './stage.mjs';

/** `probe`: file that shows that it is there where dpkg can't be asked. `needed`: no test run without it. */
const PROGRAMS = [
  { debian: 'chromium', probe: '/usr/bin/chromium', needed: true },
  { debian: 'ffmpeg', probe: '/usr/bin/ffmpeg', needed: true },
  { debian: 'curl', probe: '/usr/bin/curl', needed: false },
  { debian: 'iproute2', probe: '/usr/sbin/ip', needed: false },
  { debian: 'libnss3-tools', probe: '/usr/bin/certutil', needed: false },
  { debian: 'zbar-tools', probe: '/usr/bin/zbarimg', needed: false },
  { debian: 'pulseaudio', probe: '/usr/bin/pulseaudio', needed: false },
  { debian: 'pulseaudio-utils', probe: '/usr/bin/parec', needed: false },
  { debian: 'gmediarender', probe: '/usr/bin/gmediarender', needed: false },
  { debian: 'icecast2', probe: '/usr/bin/icecast2', needed: false },
  { debian: 'snapserver', probe: '/usr/bin/snapserver', needed: false },
  { debian: 'snapclient', probe: '/usr/bin/snapclient', needed: false },
  { debian: 'gstreamer1.0-plugins-base', probe: '', needed: false },
  { debian: 'gstreamer1.0-plugins-good', probe: '', needed: false },
];

/**
 * Real songs, from games that Debian carries. Its only AAC is a loudspeaker test, so M4A is made from the FLAC song.
 * The WAV is short, but it is the music that the game plays, as the game ships it.
 */
const SONGS = [
  { format: 'mp3', debian: 'vonsh', path: 'usr/share/games/vonsh/play_tune.mp3' },
  {
    format: 'ogg',
    debian: 'val-and-rick-data',
    path: 'usr/share/games/val-and-rick/sounds/musics/ground.ogg',
  },
  {
    format: 'opus',
    debian: 'renpy-thequestion',
    path: 'usr/share/games/renpy/the_question/game/illurock.opus',
  },
  {
    format: 'flac',
    debian: 'lebiniou-data',
    path: 'usr/share/lebiniou/test/EP-Le_cri_des_anges-Intro_4-8bits.flac',
  },
  { format: 'wav', debian: 'chromium-bsu-data', path: 'usr/share/games/chromium-bsu/wav/music_game.wav' },
];
const SONG_FOLDER = 'tests/.cache/songs';

const isRoot = process.getuid?.() === 0;
const hasApt = existsSync('/usr/bin/apt-get') && existsSync('/usr/bin/dpkg-query');

let listsUpdated = false;
/** A fresh machine has no package lists; they are fetched once, and only when something is missing. */
async function updateLists() {
  if (listsUpdated || !isRoot) return;
  listsUpdated = true;
  await announced('Updating package lists', () => run('apt-get', ['update', '-qq'], { quiet: true }));
}

async function missingPrograms() {
  if (!hasApt) return PROGRAMS.filter(({ probe }) => probe !== '' && !existsSync(probe));
  const { output } = await run(
    'dpkg-query',
    ['-W', '-f', '${Package} ${db:Status-Abbrev}\n', ...PROGRAMS.map(({ debian }) => debian)],
    { quiet: true },
  );
  return PROGRAMS.filter(({ debian }) => !output.includes(`${debian} ii`));
}

/** @returns {Promise<boolean>} whether the tests can run at all */
async function ensurePrograms() {
  const missing = await missingPrograms();
  if (missing.length === 0) return true;
  const names = missing.map(({ debian }) => debian);
  if (isRoot && hasApt) {
    await updateLists();
    const { code, output } = await announced(`Installing ${names.join(', ')}`, () =>
      run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], {
        quiet: true,
        env: { DEBIAN_FRONTEND: 'noninteractive' },
      }),
    );
    if (code === 0) return true;
    console.error(output.trim());
  }
  console.error(`The tests need: sudo apt-get install --no-install-recommends ${names.join(' ')}`);
  return !missing.some(({ needed }) => needed);
}

/** @param {typeof SONGS[number]} song */
async function downloadSong({ format, debian, path }) {
  const folder = mkdtempSync(join(tmpdir(), 'earshot-song-'));
  try {
    const download = () =>
      run('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', debian], {
        quiet: true,
        cwd: folder,
      });
    let { code, output } = await download();
    if (code !== 0) {
      await updateLists();
      ({ code, output } = await download());
    }
    if (code !== 0) throw new Error(output.trim());
    const unpacked = await run('sh', ['-c', `dpkg-deb --fsys-tarfile *.deb | tar -x "./${path}"`], {
      quiet: true,
      cwd: folder,
    });
    if (unpacked.code !== 0) throw new Error(unpacked.output.trim());
    const to = inRepo(`${SONG_FOLDER}/real.${format}`);
    await run('mv', [join(folder, path), `${to}.part`]);
    renameSync(`${to}.part`, to);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function ensureSongs() {
  mkdirSync(inRepo(SONG_FOLDER), { recursive: true });
  for (const song of SONGS) {
    if (existsSync(inRepo(`${SONG_FOLDER}/real.${song.format}`))) continue;
    try {
      await announced(`Fetching a song (${song.format}, from ${song.debian})`, () => downloadSong(song));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      console.error(`No real ${song.format} song: ${why.split('\n')[0]}. Its tests are skipped.`);
    }
  }
  const m4a = inRepo(`${SONG_FOLDER}/real.m4a`);
  const flac = inRepo(`${SONG_FOLDER}/real.flac`);
  if (!existsSync(m4a) && existsSync(flac)) {
    const part = inRepo(`${SONG_FOLDER}/part.m4a`);
    const args = ['-v', 'error', '-y', '-i', flac, '-vn', '-c:a', 'aac', '-b:a', '160k', part];
    const { code, output } = await run('ffmpeg', args, { quiet: true });
    if (code !== 0) throw new Error(output);
    renameSync(part, m4a);
  }
}

export async function setUp() {
  if (!(await ensurePrograms())) return false;
  await ensureSongs();
  return true;
}

if (import.meta.filename === process.argv[1]) process.exitCode = (await setUp()) ? 0 : 1;
