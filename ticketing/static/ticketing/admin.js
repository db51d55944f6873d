"use strict";

function nameOfField(box) {
  const select = box.closest(".select2")?.previousElementSibling;
  const name = select?.labels?.[0]?.textContent ?? select?.getAttribute("aria-label");
  return (name ?? document.title).trim();
}

// An autocomplete field makes its own search box, and gives it no name.
function nameSearchBoxes() {
  for (const box of document.querySelectorAll(".select2-search__field:not([aria-label])")) {
    box.setAttribute("aria-label", nameOfField(box));
  }
}

// It also shows the choice in a box whose only name is the choice: none before one is made.
function nameChoices() {
  for (const box of document.querySelectorAll(".select2-selection--single [role=textbox]")) {
    box.setAttribute("aria-label", [nameOfField(box), box.title].filter(Boolean).join(": "));
  }
}

// The theme makes each box that scrolls a landmark, all of the same English name.
function nameScrollingBoxes() {
  for (const box of document.querySelectorAll(".simplebar-content-wrapper[role=region]")) {
    const named = box.querySelector("table[aria-label]") ?? box.closest("nav[aria-label]");
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", named?.getAttribute("aria-label") ?? document.title);
  }
}

// The theme's icons are words in a font of symbols: a screen reader would read them aloud.
function silenceIcons() {
  for (const icon of document.querySelectorAll(".material-symbols-outlined:not([aria-hidden])")) {
    icon.setAttribute("aria-hidden", "true");
  }
}

// On a phone each row of a list is a card: its labels begin with a capital, and what is empty
// needs no line.
function tidyCards() {
  for (const cell of document.querySelectorAll(".data-row > [data-label]:not([data-tidy])")) {
    const label = cell.dataset.label;
    cell.dataset.label = label.charAt(0).toUpperCase() + label.slice(1);
    cell.dataset.tidy = ["", "-", "–"].includes(cell.textContent.trim()) && !cell.querySelector("input, img, svg, .material-symbols-outlined")
      ? "empty"
      : "shown";
  }
}

function nameBoxes() {
  silenceIcons();
  tidyCards();
  nameSearchBoxes();
  nameChoices();
  nameScrollingBoxes();
}

new MutationObserver(nameBoxes).observe(document, { childList: true, subtree: true });
