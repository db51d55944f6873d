"use strict";

const place = document.getElementById("docs");

function readCookie(name) {
  const found = document.cookie.split("; ").find((each) => each.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

SwaggerUIBundle({
  domNode: place,
  url: place.dataset.document,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  // It would send the document's address to another server.
  validatorUrl: null,
  requestInterceptor: (request) => {
    // For those who are signed in to the admin.
    const token = readCookie("csrftoken");
    if (token && !["GET", "HEAD"].includes(request.method) && !request.loadSpec) {
      request.headers["X-CSRFToken"] = token;
    }
    return request;
  },
});
