"use strict";

// An autocomplete field makes its own search box, and gives it no name.
function nameSearchBoxes() {
  for (const box of document.querySelectorAll(".select2-search__field:not([aria-label])")) {
    const select = box.closest(".select2")?.previousElementSibling;
    const name = select?.labels?.[0]?.textContent ?? select?.getAttribute("aria-label");
    box.setAttribute("aria-label", (name ?? document.title).trim());
  }
}

new MutationObserver(nameSearchBoxes).observe(document, { childList: true, subtree: true });
