// A phone that plays nothing and notes everything: `played` are the pitches of the sounds, one list for each
// moment, and `vibrated` the patterns of the vibrator.
(() => {
  window.played = [];
  window.vibrated = [];
  navigator.vibrate = (pattern) => window.vibrated.push(pattern);
  const connect = { connect: (next) => next };
  window.AudioContext = class {
    state = "running";
    currentTime = 0;
    destination = {};
    createGain() {
      return { ...connect, gain: { setValueAtTime() {}, exponentialRampToValueAtTime() {} } };
    }
    createOscillator() {
      const frequency = {};
      const start = () => window.played.push(frequency.value);
      return { ...connect, frequency, start, stop() {} };
    }
  };
})();
