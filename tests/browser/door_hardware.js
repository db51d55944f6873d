// A phone with a light, a vibrator and a screen that can stay on. `used` is what the page did with
// them, and `frames` when it looked at a picture of the camera.
(() => {
  window.used = { light: [], vibrated: [], awake: 0 };
  window.frames = [];
  MediaStreamTrack.prototype.getCapabilities = () => ({ torch: true });
  MediaStreamTrack.prototype.applyConstraints = async ({ advanced: [{ torch }] }) => {
    window.used.light.push(torch);
  };
  navigator.vibrate = (pattern) => window.used.vibrated.push(pattern);
  const request = async () => {
    window.used.awake += 1;
  };
  Object.defineProperty(navigator, "wakeLock", { value: { request } });
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (...message) {
    window.frames.push(performance.now());
    return post.apply(this, message);
  };
})();
