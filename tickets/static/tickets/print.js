// Shows the button that prints the page: without JavaScript, the browser's menu prints it.
for (const button of document.querySelectorAll("[data-prints]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
