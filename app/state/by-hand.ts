/** How people give the stream to what no driver finds: an address, a playlist, and what to tap on each kind of device. Pure. */

export interface ByHandDevice {
  id: string;
  /** What people call it. */
  name: string;
  /** In this order; plain words. */
  steps: readonly string[];
  /** What to copy or to type there; null: nothing. */
  address: string | null;
}

export interface ByHand {
  /** The stream: for a QR code, and for everything that plays internet radio. */
  streamUrl: string;
  /** The same as a file that players open. */
  playlistUrl: string;
  devices: readonly ByHandDevice[];
}

/** @param streamUrl of the room, plain HTTP, ending in `.mp3`; the playlist lies beside it (signaling/stream/playlists.ts) */
export function byHand(streamUrl: string): ByHand {
  const playlistUrl = streamUrl.replace(/\.mp3$/, '.m3u');
  const typed = streamUrl;
  return {
    streamUrl,
    playlistUrl,
    devices: [
      {
        id: 'radio',
        name: 'Internet radio or receiver',
        steps: [
          'Open its app or its own web page.',
          'Look for “Add station”, “My stations” or “Add URL”.',
          'Give it this address and a name.',
        ],
        address: typed,
      },
      {
        id: 'wiim',
        name: 'WiiM',
        steps: ['Open WiiM Home.', 'Browse → Open Network Stream.', 'Give it this address.'],
        address: typed,
      },
      {
        id: 'volumio',
        name: 'Volumio',
        steps: [
          'Open its web page.',
          'Browse → Web Radio → My Web Radios.',
          'Add this address, then play it.',
        ],
        address: typed,
      },
      {
        id: 'moode',
        name: 'moOde',
        steps: ['Open its web page.', 'Radio → New station.', 'Give it this address.'],
        address: typed,
      },
      {
        id: 'squeezebox',
        name: 'Squeezebox, Lyrion',
        steps: ['Open Lyrion Music Server.', 'Radio → Tune In URL.', 'Give it this address.'],
        address: typed,
      },
      {
        id: 'vlc-computer',
        name: 'Computer, with VLC',
        steps: ['Media → Open Network Stream.', 'Give it this address. Or open the playlist file.'],
        address: playlistUrl,
      },
      {
        id: 'vlc-phone',
        name: 'Phone or tablet, with VLC',
        steps: [
          'Scan the code below.',
          'Open the address in VLC: Network → Open Network Stream, or More → New stream.',
        ],
        address: typed,
      },
      {
        id: 'kodi',
        name: 'Kodi',
        steps: ['Save the playlist file where Kodi finds your music.', 'Open it there.'],
        address: playlistUrl,
      },
      {
        id: 'bluetooth',
        name: 'Bluetooth or AirPlay',
        steps: [
          'Connect a phone or laptop to the loudspeaker, in its own settings.',
          'Open this room on it and tap Listen here.',
          'If it is late: People → Find it by ear.',
        ],
        address: null,
      },
    ],
  };
}
