/** The two playlists that radios and players open: one entry, the stream. Pure. */

const TITLE = 'Earshot';

/** @param url of the stream */
export const m3u = (url: string): string => `#EXTM3U\n#EXTINF:-1,${TITLE}\n${url}\n`;

/** @param url of the stream */
export const pls = (url: string): string =>
  `[playlist]\nNumberOfEntries=1\nFile1=${url}\nTitle1=${TITLE}\nLength1=-1\nVersion=2\n`;
