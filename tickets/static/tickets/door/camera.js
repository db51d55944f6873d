// The camera: its picture, its light, and the codes in front of it.

// Fast enough that nobody waits, and slow enough for a battery to last the night.
const FRAMES_PER_SECOND = 15;
// When nobody has shown a code for a while.
const IDLE_FRAMES_PER_SECOND = 6;
const IDLE_AFTER_MS = 60_000;
// A ticket's code has 49 modules with its margin, and needs 3 pixels for each.
const LARGEST_SIDE = 800;
// A picture that is darker on average, of 255, shows no paper ticket.
const DARK = 24;
const DARK_AFTER_MS = 2000;
// One of so many pixels is enough to tell.
const LIGHT_STEP = 1009;

export class Camera {
  /**
   * `found` is called with the text of each frame, or with null if it has no code. `ended` is called
   * when the camera is taken away, and `darkened` when it gets dark or light.
   */
  constructor({ video, workerAddress, found }) {
    this.video = video;
    this.found = found;
    this.ended = () => undefined;
    this.darkened = () => undefined;
    this.isDark = false;
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.worker = new Worker(workerAddress, { type: "module" });
    this.ready = new Promise((resolve, reject) => {
      this.worker.onmessage = () => resolve();
      this.worker.onerror = (event) => reject(new Error(event.message ?? "decoder"));
    });
    this.stream = null;
    this.lastCodeAt = 0;
  }

  /** Show the picture and look for codes. Throws what `getUserMedia` throws. */
  async start(deviceId) {
    this.stop();
    const choice = deviceId ? { deviceId } : { facingMode: "environment" };
    const size = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { max: 30 } };
    this.stream = await navigator.mediaDevices.getUserMedia({ video: { ...choice, ...size } });
    this.video.srcObject = this.stream;
    this.#track.onended = () => this.ended();
    await this.video.play();
    await this.ready;
    this.worker.onmessage = ({ data }) => this.#take(data);
    this.wake();
    this.#next(this.stream);
  }

  stop() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
  }

  /** Look more often again. */
  wake() {
    this.lastCodeAt = performance.now();
  }

  get hasLight() {
    return Boolean(this.#track?.getCapabilities?.().torch);
  }

  setLight(isOn) {
    return this.#track.applyConstraints({ advanced: [{ torch: isOn }] });
  }

  /** Return the id of the camera in use. */
  get id() {
    return this.#track?.getSettings().deviceId ?? "";
  }

  /** Return the phone's cameras: `{deviceId, label}` each. Their names need the permission. */
  async list() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.filter((device) => device.kind === "videoinput");
  }

  get #track() {
    return this.stream?.getVideoTracks()[0];
  }

  #take({ text }) {
    if (text !== null) {
      this.wake();
    }
    if (this.stream !== null) {
      this.found(text);
      this.#next(this.stream);
    }
  }

  #next(stream) {
    const isIdle = performance.now() - this.lastCodeAt > IDLE_AFTER_MS;
    const rate = isIdle ? IDLE_FRAMES_PER_SECOND : FRAMES_PER_SECOND;
    const due = (this.sentAt ?? 0) + 1000 / rate - performance.now();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.stream === stream && this.#send(stream), Math.max(0, due));
  }

  #send(stream) {
    const { videoWidth: width, videoHeight: height } = this.video;
    this.sentAt = performance.now();
    if (width === 0 || this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) {
      this.#next(stream);
      return;
    }
    // The middle of the picture, which is what the screen shows.
    const side = Math.min(width, height);
    const size = Math.min(side, LARGEST_SIDE);
    if (this.canvas.width !== size) {
      this.canvas.width = this.canvas.height = size;
    }
    const [left, top] = [(width - side) / 2, (height - side) / 2];
    this.context.drawImage(this.video, left, top, side, side, 0, 0, size, size);
    const { data } = this.context.getImageData(0, 0, size, size);
    this.#measureLight(data);
    this.worker.postMessage({ pixels: data.buffer, width: size, height: size }, [data.buffer]);
  }

  #measureLight(pixels) {
    let [sum, count] = [0, 0];
    // The green part of a pixel, which has most of its light.
    for (let at = 1; at < pixels.length; at += 4 * LIGHT_STEP) {
      sum += pixels[at];
      count += 1;
    }
    const at = performance.now();
    this.darkSince = sum < DARK * count ? (this.darkSince ?? at) : null;
    const isDark = this.darkSince !== null && at - this.darkSince > DARK_AFTER_MS;
    if (isDark !== this.isDark) {
      this.isDark = isDark;
      this.darkened();
    }
  }
}
