// Make each button with data-copies="id" copy the text of that element to the clipboard. Buttons
// stay hidden in browsers without a clipboard.
for (const button of document.querySelectorAll("[data-copies]")) {
  if (!navigator.clipboard) {
    continue;
  }
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
    button.textContent = button.dataset.done;
  });
}
