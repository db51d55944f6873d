// The ticket choice in a frame: tells the site around it, and no other, how tall it is.
const { host } = document.querySelector("[data-host]")?.dataset ?? {};
if (host && parent !== window) {
  const tell = () => {
    const { height } = document.documentElement.getBoundingClientRect();
    parent.postMessage({ bilheteriaHeight: Math.ceil(height) }, host);
  };
  // Browsers do not draw a frame that nobody sees yet, and until then its size is not observed.
  tell();
  new ResizeObserver(tell).observe(document.documentElement);
}
