// For an organizer's own site: shows the ticket choice of an event where this element stands.
//   <bilheteria-event src="https://…/e/jazz"><a href="https://…/e/jazz">Tickets: Jazz</a></bilheteria-event>
// `data-theme="light"` or `"dark"` fits it to the site. Without it, or with "auto", it follows the
// visitor's device. Its content, a link, stays until the frame has said how tall it is: so it stays on a site that
// the organizer has not allowed, too. The script needs no inline style and no cookie.
(() => {
  const ours = new URL(document.currentScript.src).origin;
  if (customElements.get("bilheteria-event")) return;

  class BilheteriaEvent extends HTMLElement {
    connectedCallback() {
      this.shadowRoot ?? this.build();
      if (this.listen) addEventListener("message", this.listen);
    }

    disconnectedCallback() {
      removeEventListener("message", this.listen);
    }

    build() {
      const root = this.attachShadow({ mode: "open" });
      const content = root.appendChild(document.createElement("slot"));
      const page = new URL(this.getAttribute("src"), ours);
      // A page builder may let other people write `src`. It shows our pages, and nothing else.
      if (page.origin !== ours) return;
      page.pathname = `${page.pathname.replace(/\/$/, "")}/embedded`;
      page.searchParams.set("host", location.origin);
      if (this.lang) page.searchParams.set("lang", this.lang);
      const theme = ["light", "dark"].find((each) => each === this.dataset.theme);
      if (theme) page.searchParams.set("theme", theme);

      const frame = document.createElement("iframe");
      frame.style.cssText = "display:block;width:100%;height:0;border:0;visibility:hidden";
      // Browsers fill a frame whose page has another color scheme than its element.
      frame.style.colorScheme = theme ?? "light dark";
      frame.src = page.href;
      root.append(frame);
      this.listen = (event) => {
        if (event.source !== frame.contentWindow || event.origin !== ours) return;
        const height = Number(event.data?.bilheteriaHeight);
        if (!(height > 0)) return;
        frame.style.height = `${height}px`;
        if (!content.isConnected) return;
        frame.title = this.textContent.trim();
        frame.style.visibility = "visible";
        content.remove();
      };
    }
  }
  customElements.define("bilheteria-event", BilheteriaEvent);
})();
