// Sound, vibration, and a screen that stays on.

const TONES = {
  good: { notes: [[880, 0, 0.09], [1320, 0.1, 0.14]], pattern: [60] },
  bad: { notes: [[220, 0, 0.22], [165, 0.26, 0.34]], pattern: [180, 90, 180] },
  wait: { notes: [[440, 0, 0.16], [440, 0.24, 0.16]], pattern: [90, 70, 90] },
};
const VOLUME = 0.5;

let audio = null;

/** Prepare the sound. Browsers allow it only after the first touch of the page. */
export function unlockSound() {
  audio ??= new AudioContext();
  if (audio.state === "suspended") {
    audio.resume();
  }
}

/** Play the signal of an answer: "good", "bad" or "wait". */
export function signal(tone, { sound, vibration }) {
  const { notes, pattern } = TONES[tone];
  if (vibration) {
    navigator.vibrate?.(pattern);
  }
  if (sound && audio?.state === "running") {
    notes.forEach((note) => playNote(...note));
  }
}

function playNote(pitch, after, length) {
  const [note, loudness] = [audio.createOscillator(), audio.createGain()];
  const begin = audio.currentTime + after;
  note.type = "square";
  note.frequency.value = pitch;
  loudness.gain.setValueAtTime(VOLUME, begin);
  loudness.gain.exponentialRampToValueAtTime(0.001, begin + length);
  note.connect(loudness).connect(audio.destination);
  note.start(begin);
  note.stop(begin + length);
}

/** Keep the screen on while the page is in front. */
export function keepAwake() {
  const lock = () => {
    if (!document.hidden) {
      // A phone in its power saving mode refuses: the screen then goes off as always.
      navigator.wakeLock?.request("screen").catch(() => undefined);
    }
  };
  document.addEventListener("visibilitychange", lock);
  lock();
}
