// A camera whose picture a test chooses: `showCode` draws the dark squares of a code, and returns
// when the code was in view. `answeredAt` is when the answer was.
(() => {
  const canvas = new OffscreenCanvas(1280, 720);
  const film = document.createElement("canvas");
  [film.width, film.height] = [canvas.width, canvas.height];
  const paint = (element, draw, ground = "#777") => {
    const pen = element.getContext("2d");
    pen.fillStyle = ground;
    pen.fillRect(0, 0, 1280, 720);
    draw(pen);
  };
  const develop = () => paint(film, (pen) => pen.drawImage(canvas, 0, 0));
  window.showCode = (side, squares, ground) => {
    paint(canvas, (pen) => {
      if (side > 0) {
        const [size, margin] = [10, 4];
        pen.translate(640 - (side / 2 + margin) * size, 360 - (side / 2 + margin) * size);
        pen.fillStyle = "#fff";
        pen.fillRect(0, 0, (side + 2 * margin) * size, (side + 2 * margin) * size);
        pen.fillStyle = "#000";
        squares.forEach(([x, y, width]) => pen.fillRect((x + margin) * size, (y + margin) * size, width * size, size));
        pen.resetTransform();
      }
    }, ground);
    develop();
    window.answeredAt = null;
    return performance.now();
  };
  // The time of the first answer since then.
  const watch = new MutationObserver(([{ target }]) => {
    if (!target.hidden && target.dataset.tone !== "ask") {
      window.answeredAt ??= performance.now();
    }
  });
  document.addEventListener("DOMContentLoaded", () => {
    watch.observe(document.getElementById("answer"), { attributes: true });
  });
  setInterval(develop, 33);
  navigator.mediaDevices.getUserMedia = async () => film.captureStream(30);
  showCode(0, []);
})();
