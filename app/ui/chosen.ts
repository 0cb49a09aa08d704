/** Files that somebody chose or dropped, folders included. Single files pass as they are: a wrong one gets a message. */
const AUDIO_NAME = /\.(mp3|m4a|m4b|aac|mp4|ogg|oga|opus|flac|wav|wave)$/i;

export const ACCEPT = 'audio/*,.mp3,.m4a,.m4b,.aac,.ogg,.oga,.opus,.flac,.wav';

/** From a folder only what looks like audio: its pictures and playlists were not meant. */
export function audioOf(files: readonly File[]): File[] {
  return files.filter((file) => file.type.startsWith('audio/') || AUDIO_NAME.test(file.name));
}

export function carriesFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes('Files') ?? false;
}

/** Everything in a drop. Entries must be taken before the first await: the event forgets them. */
export async function droppedFiles(data: DataTransfer): Promise<File[]> {
  const entries = [...data.items].map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const found: File[] = [];
  for (const { entry, file } of entries) {
    if (entry?.isDirectory) found.push(...audioOf(await filesBelow(entry as FileSystemDirectoryEntry)));
    else if (file) found.push(file);
  }
  return found;
}

async function filesBelow(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const found: File[] = [];
  const reader = folder.createReader();
  for (;;) {
    // One call yields a hundred entries at most; an empty answer is the end.
    const entries = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (entries.length === 0) return found;
    for (const entry of entries) {
      if (entry.isDirectory) found.push(...(await filesBelow(entry as FileSystemDirectoryEntry)));
      else
        found.push(await new Promise<File>((done, fail) => (entry as FileSystemFileEntry).file(done, fail)));
    }
  }
}
