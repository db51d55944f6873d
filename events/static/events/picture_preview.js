// Shows what will be cut from the chosen picture, before it is sent. The server cuts it likewise.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const figure = document.querySelector("[data-picture-preview]");
  const canvas = figure.querySelector("canvas");
  const file = document.querySelector('input[type="file"][name="picture"]');
  const focus = document.querySelector('select[name="focus"]');
  let picture = null;

  function draw() {
    figure.hidden = picture === null;
    if (picture === null) {
      return;
    }
    const [left, top] = focus.value.split(" ").map(Number);
    const shape = canvas.width / canvas.height;
    const width = Math.min(picture.width, picture.height * shape);
    const height = width / shape;
    const paper = canvas.getContext("2d");
    // What is transparent becomes white.
    paper.fillStyle = "#fff";
    paper.fillRect(0, 0, canvas.width, canvas.height);
    paper.drawImage(
      picture,
      (picture.width - width) * left,
      (picture.height - height) * top,
      width,
      height,
      0,
      0,
      canvas.width,
      canvas.height,
    );
  }

  async function read() {
    const chosen = file.files[0];
    let found = null;
    try {
      found = chosen ? await createImageBitmap(chosen) : null;
    } catch {
      // No picture: the server says so.
    }
    // Meanwhile another file may have been chosen.
    if (file.files[0] === chosen) {
      picture = found;
      draw();
    }
  }

  file.addEventListener("change", read);
  focus.addEventListener("change", draw);
});
